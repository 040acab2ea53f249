"""Forged values in the forms, lists and actions of the administration: an error that says so, never a fault.

Forms, fields, filters and actions come from the registry.
"""

import pytest
from django import forms
from django.contrib.admin import site as staff_site
from django.urls import reverse

from providers.admin.key_form import HeadersField
from tests.variants import some
from tests.webui.admin import filled

pytestmark = pytest.mark.django_db
DEPTH = 5_000
DEEP = ["[" * DEPTH + "]" * DEPTH, '{"a":' * DEPTH + "1" + "}" * DEPTH]
HALF = "\ud83d"  # of a surrogate pair
ODD = ["x", "9" * 23, "9" * 5000, "-1", "\N{SUPERSCRIPT TWO}", "a\x00b", HALF, *DEEP]
ODD_JSON = [
    *DEEP,
    "[" * 1020 + "]" * 1020,
    "[" * 100_000 + "]" * 100_000,
    '{"a": NaN}',
    '{"a": 1e400}',
    '{"a": %s}' % ("9" * 23),
    '{"a": %s}' % ("9" * 5000),
    r'{"a": "\u0000"}',
    r'{"a": "\ud83d"}',
]
MODELS = {model._meta.label: model for model in staff_site._registry}
each_list = pytest.mark.parametrize("label", sorted(MODELS))


@pytest.fixture
def root(client, admin, rows):
    client.force_login(admin)
    client.raise_request_exception = False
    return client


def address_of(model, page, *arguments):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def forms_of(client, model):
    """The address and the page of the empty form and of each row's, where there is something to enter."""
    rows = model._default_manager.order_by("pk")
    for address in (address_of(model, "add"), *(address_of(model, "change", row.pk) for row in [rows.last()])):
        page = client.get(address)
        if page.status_code == 200 and page.context["adminform"].form.fields:
            yield address, page


def widget_of(field):
    return getattr(field.widget, "widget", field.widget)


def is_choice(field):
    return isinstance(field, forms.ModelChoiceField | forms.ChoiceField)


def is_json(field):
    return isinstance(field, forms.JSONField | HeadersField)


def with_value(data, fields, value):
    """The form's data with this value in each of the fields."""
    for name, field in fields.items():
        parts = [f"{name}_{part}" for part in range(len(getattr(widget_of(field), "widgets", ())))]
        data = {**data, **{key: [value] for key in parts or [name]}}
    return data


def post(client, address, data):
    """Send a form; one with half of a surrogate pair in a charset that can say it, as only a forger does."""
    if HALF not in [text for texts in data.values() for text in texts]:
        return client.post(address, data)
    head = '--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
    parts = [(head % name).encode() + text.encode("unicode_escape") for name in data for text in data[name]]
    body = b"\r\n".join([*parts, b"--B--\r\n"])
    return client.generic("POST", address, body, "multipart/form-data; boundary=B; charset=unicode_escape")


def answers(client, address, page, fields, values):
    """The form after each of these values in each of the fields, or the row's page where they were saved."""
    data = dict(filled.in_(page).lists())
    for value in values if fields else ():
        answer = post(client, address, with_value(data, fields, value))
        if answer.status_code == 302 and "/change/" in address:
            answer = client.get(address)
        fault = getattr(answer, "exc_info", None)
        assert answer.status_code in (200, 302), f"{address} with {value!a:.60}: {answer.status_code} {fault!a:.300}"
        yield value, answer


@each_list
def test_no_odd_value_in_the_fields_of_a_form_is_a_fault(root, label):
    for turn, (address, page) in enumerate(forms_of(root, MODELS[label]), sorted(MODELS).index(label)):
        values, fields = some(ODD, turn), page.context["adminform"].form.fields
        assert len(list(answers(root, address, page, fields, values))) == len(values)


@each_list
def test_an_odd_choice_in_a_form_is_an_error_of_its_field(root, label):
    for turn, (address, page) in enumerate(forms_of(root, MODELS[label]), sorted(MODELS).index(label)):
        choices = {name: field for name, field in page.context["adminform"].form.fields.items() if is_choice(field)}
        for value, answer in answers(root, address, page, choices, some(ODD, turn)):
            assert set(choices) <= set(answer.context["adminform"].form.errors), (address, ascii(value)[:60])


@each_list
def test_json_of_a_form_that_cannot_be_stored_is_an_error(root, label):
    for turn, (address, page) in enumerate(forms_of(root, MODELS[label]), sorted(MODELS).index(label)):
        fields = {name: field for name, field in page.context["adminform"].form.fields.items() if is_json(field)}
        for value, answer in answers(root, address, page, fields, some(ODD_JSON, turn, few=3)):
            errors = answer.context["adminform"].form.errors
            words = ["nested too deeply" if value[-2:] in ("]]", "}}") else "cannot be stored" for _name in fields]
            if "headers" in fields and value.startswith("["):  # lines, and no JSON
                words[list(fields).index("headers")] = "no colon"
            assert [(name, word in str(errors.get(name))) for name, word in zip(fields, words, strict=True)] == [
                (name, True) for name in fields
            ], (address, ascii(value)[:60], ascii(errors))


def test_there_are_json_fields_and_choices_in_forms(root):
    fields = {
        (model._meta.model_name, name): field
        for model in MODELS.values()
        for _address, page in forms_of(root, model)
        for name, field in page.context["adminform"].form.fields.items()
    }
    assert {
        ("chatmodel", "params"), ("imageengine", "params"), ("imageengine", "capabilities"),
        ("imageengine", "headers"), ("connection", "headers"),
    } <= {key for key, field in fields.items() if is_json(field)}  # fmt: skip
    assert {("chatmodel", "base"), ("user", "groups"), ("group", "members"), ("ratelimit", "target")} <= {
        key for key, field in fields.items() if is_choice(field)
    }
