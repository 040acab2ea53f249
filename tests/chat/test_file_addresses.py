"""Recognition of this site's file addresses."""

import pytest
from django.urls import resolve

from chat import file_addresses

ID = "0b6b2a5e-2a7c-4c5c-9b0e-0d7f3a3f7a11"
HERE = f"/api/v1/files/{ID}"


def test_the_address_that_is_made_is_the_one_that_is_served():
    match = resolve(file_addresses.content_address(ID))
    assert (match.view_name, match.kwargs) == ("file-content", {"file_id": ID})


@pytest.mark.parametrize(
    "name", [ID, ID.replace("-", ""), HERE, f"{HERE}/content", f"{HERE}/content?w=256", f"https://x.example{HERE}/"]
)
def test_a_file_is_named_by_its_id_or_any_form_of_its_address(name):
    assert file_addresses.named_id(name).replace("-", "") == ID.replace("-", "")


@pytest.mark.parametrize(
    "name", ["", "x", f"{HERE}/restore", f"/x{HERE}", "/api/v1/files/", "https://x.example/a.png", "data:image/png,x"]
)
def test_anything_else_names_no_file(name):
    assert file_addresses.named_id(name) == ""


def test_addresses_in_a_text_are_read_once_and_in_order():
    other = ID.replace("0b", "1c")
    text = f"![a](/api/v1/files/{other}) ![b]({HERE}/content?w=256) and {HERE}, but not https://x.example{HERE}"
    assert file_addresses.ids_in(text) == [other, ID]


def test_addresses_in_a_text_are_replaced_but_not_another_sites():
    text = f"({HERE}?w=256) 见{HERE}/content https://x.example{HERE}"
    assert file_addresses.replaced(text, lambda address: "HERE") == f"(HERE) 见HERE https://x.example{HERE}"
