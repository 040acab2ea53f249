"""Private names of Django's forms.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

from django import forms


class InstanceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A ModelForm that changes its instance before it is saved or read."""

    def change_instance(self) -> None:
        """Change the instance. Called once it has the form's values."""

    def _post_clean(self) -> None:
        """Overridden, because Django fills and validates the instance here, and no documented step comes between this
        and `save`. Django's own forms override it too (`UserCreationForm`).
        """
        super()._post_clean()  # type: ignore[misc]
        self.change_instance()
