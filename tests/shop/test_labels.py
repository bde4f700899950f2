"""What texts call categories and brands: a name that says nothing alone comes with its path, or not at all."""

from __future__ import annotations

import pytest

from scoring.types import ReasonKind
from shop.entities.catalog import Category, Product
from shop.entities.evidence import Evidence
from shop.entities.explanations import WantedExplanation
from shop.texts.facts import Fact
from shop.texts.labels import CategoryLabels, brand_label, product_label
from shop.texts.sanitize import LONGEST_LABEL
from shop.texts.tasks import item_task


def tree(*paths: str) -> CategoryLabels:
    """Categories whose ids are their paths, such as "Produce/Bananas"."""
    ids = {"/".join(path.split("/")[:depth]) for path in paths for depth in range(1, len(path.split("/")) + 1)}
    return CategoryLabels(
        Category(
            id_,
            id_.split("/")[-1],
            None,
            tuple("/".join(id_.split("/")[:depth]) for depth in range(1, len(id_.split("/")) + 1)),
        )
        for id_ in sorted(ids)
    )


SHOP = tree(
    "Food/Produce/Bananas",
    "Food/Bakery/Other",
    "Food/Bakery/Rye Bread",
    "Home/Phones/Accessories",
    "Home/Other/Misc",
    "Garden/Tools/Accessories",
    "Dairy/Milk",
    "Plants/Milk",
)


@pytest.mark.parametrize(
    ("id_", "label"),
    [
        ("Food/Bakery/Rye Bread", "Rye Bread"),
        ("Food/Bakery/Other", "Bakery › Other"),
        ("Home/Phones/Accessories", "Phones › Accessories"),
        ("Garden/Tools/Accessories", "Tools › Accessories"),
        ("Dairy/Milk", "Dairy › Milk"),
        ("Plants/Milk", "Plants › Milk"),
        ("Home/Other/Misc", "Home › Misc"),
        ("nowhere", None),
    ],
)
def test_a_name_that_others_share_or_that_is_true_of_anything_comes_with_its_path(id_: str, label: str | None) -> None:
    assert SHOP.label(id_) == label


def test_a_name_that_the_product_says_already_comes_with_its_path() -> None:
    assert SHOP.label("Food/Produce/Bananas") == "Bananas"
    assert SHOP.label("Food/Produce/Bananas", beside="Yellow Banana, 1 lb") == "Produce › Bananas"
    assert SHOP.label("Food/Produce/Bananas", beside="Banana Produce") == "Food › Bananas"
    assert SHOP.label("Food/Bakery/Rye Bread", beside="Bread Rolls") == "Rye Bread"


def test_a_path_that_is_too_long_to_be_shown_whole_is_left_out() -> None:
    parent = "x" * LONGEST_LABEL

    assert tree(f"{parent}/Other").label(f"{parent}/Other") == "Other"


@pytest.mark.parametrize(
    "brand",
    ["Private brand", "Private", "House Brand", "Maker 2", "maker no. 69", "own label", "Eigenmarke", "N/A", "-"],
)
def test_a_brand_that_names_nobody_is_not_told(brand: str) -> None:
    assert brand_label(brand) == ""


@pytest.mark.parametrize(
    "brand", ["Kroger", "Oatly", "Private Selection", "Maker's Mark", "7 Up", "Brandless", "Label 5", "Brand 33"]
)
def test_every_other_brand_is(brand: str) -> None:
    assert brand_label(brand) == brand


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Gala Apples (Maker 2, no. 6)", "Gala Apples"),
        ("Tuna, 6 oz (House Brand)", "Tuna, 6 oz"),
        ("Tide (64 oz)", "Tide (64 oz)"),
        ("Oat Milk (Oatly)", "Oat Milk (Oatly)"),
        ("(Maker 2)", "(Maker 2)"),
        ("Tuna", "Tuna"),
    ],
)
def test_a_product_is_told_without_a_brand_that_names_nobody(name: str, label: str) -> None:
    assert product_label(name) == label


def test_two_products_of_one_name_are_told_apart() -> None:
    apples, others = (
        Product(id_, id_, f"Gala Apples ({brand})") for id_, brand in (("a", "Maker 2"), ("b", "House Brand"))
    )
    item = WantedExplanation("key", "a", (Evidence(ReasonKind.SIMILAR_TO, "b", None, None, 0.9),))

    task = item_task(item, {"a": apples, "b": others}, SHOP, "en")

    assert (task.product.name, task.facts[0].product_name) == ("Gala Apples", "Gala Apples (House Brand)")


def test_a_stated_tag_is_told_as_it_was_stated_though_a_category_has_such_an_id() -> None:
    shop = CategoryLabels([Category("5", "Garden Hoses", None, ("5",)), Category("7", "Bakery", None, ("7",))])
    bread = Product("a", "a", "Rye Bread", category_path=("7",), tags=("5",))
    stated = tuple(Evidence(ReasonKind.STATED_TASTE, label=label) for label in ("5", "7"))

    task = item_task(WantedExplanation("key", "a", stated), {"a": bread}, shop, "en")

    assert [fact.label for fact in task.facts] == ["5", "Bakery"]


@pytest.mark.parametrize("typed", ["12 Rue de la Paix", "VEGAN", "sold before"])
def test_a_stated_taste_that_the_product_has_not_is_no_fact(typed: str) -> None:
    shop = CategoryLabels([Category("7", "Bakery", None, ("7",))])
    bread = Product("a", "a", "Rye Bread", category_path=("7",), brand="Ryefields", tags=("vegan",))
    stated = tuple(Evidence(ReasonKind.STATED_TASTE, label=label) for label in (typed, "vegan", "Ryefields"))

    some = item_task(WantedExplanation("key", "a", stated), {"a": bread}, shop, "en")
    none = item_task(WantedExplanation("key", "a", stated[:1]), {"a": bread}, shop, "en")

    assert [fact.label for fact in some.facts] == ["vegan", "Ryefields"]
    assert none.facts == (Fact(ReasonKind.CATALOGUE, None, "Bakery"),)
