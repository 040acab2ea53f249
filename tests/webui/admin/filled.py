"""What a browser would send of a form of the administration that nobody touched."""

from typing import Any

from django.http import QueryDict

from providers.admin.conflicts import FIELD, _put


def in_(page: Any) -> QueryDict:
    """The form data of a page with a form: of its row, of the inlines, and the mark of its opening."""
    data = QueryDict(mutable=True)
    formsets = [inline.formset for inline in page.context.get("inline_admin_formsets") or ()]
    inner = [form for formset in formsets for form in (formset.management_form, *formset.forms)]
    for form in (page.context["adminform"].form, *inner):
        for name, field in form.fields.items():
            _put(data, form, name, form.get_initial_for_field(field, name))
    if "opened_with" in page.context:
        data[FIELD] = page.context["opened_with"]
    return data
