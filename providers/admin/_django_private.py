"""What we take from Django's forms that it does not document.

`tests/test_private_names.py` fails when an upgrade moves one of these names.
"""

from django import forms


class InstanceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A ModelForm that changes its instance further, before anybody saves it or looks at it."""

    def change_instance(self) -> None:
        """Called once the instance has the form's values."""

    def _post_clean(self) -> None:
        """Overridden, because here Django fills and validates the instance, and no documented step follows before
        `save`. Its own forms override this too (`UserCreationForm`).
        """
        super()._post_clean()  # type: ignore[misc]
        self.change_instance()
