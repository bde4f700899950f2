"""Names that people read must not look like a till receipt."""

from __future__ import annotations

import pytest

from mongo_seed.complete_journey.names import category_name, department_name, package_size, tags_of, type_name


@pytest.mark.parametrize(
    ("category", "raw", "name"),
    [
        ("COLD CEREAL", "KIDS CEREAL", "Kids Cereal"),
        ("FLUID MILK PRODUCTS", "FLUID MILK WHITE ONLY", "White Milk"),
        ("CANDY - CHECKLANE", "CANDY BARS (SINGLES)(INCLUDING", "Candy Bar"),
        ("DEODORANTS", "SOLID/STK DEODORANTS", "Solid & Stick Deodorants"),
        ("SOUP", "RTS SOUP: CHUNKY/HOMESTYLE ET", "Ready-to-Serve Chunky Soup"),
        ("APPLES", "APPLES GALA (BULK&BAG)", "Gala Apples"),
        ("BREAD", "BREAD:ITALIAN/FRENCH", "Italian & French Bread"),
        ("CAKES", "CAKES: CHEESECAKE", "Cheesecake"),
        ("MAGAZINE", "TV/MOVIE-MAGAZINE", "TV & Movie Magazine"),
        ("ICE CREAM/MILK/SHERBTS", "PREMIUM", "Premium Ice Cream & Sherbet"),
        ("PORK", "LOIN - CHOPS BONE-IN", "Pork Loin, Chops Bone-In"),
        ("CHICKEN/POULTRY", "CHIX: ROTISSERIE (HOT)", "Rotisserie Chicken, Hot"),
        ("HOSIERY/SOCKS", "WOMENS/GIRLS HOSIERY", "Women's & Girls Hosiery"),
        ("BAKED BREAD/BUNS/ROLLS", "MAINSTREAM WHEAT/MULTIGRAIN BR", "Mainstream Wheat & Multigrain Bread"),
    ],
)
def test_types(category: str, raw: str, name: str) -> None:
    assert type_name(category, raw) == name


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("FRZN BREAKFAST FOODS", "Frozen Breakfast Foods"),
        ("REFRGRATD DOUGH PRODUCTS", "Refrigerated Dough Products"),
        ("STATIONERY & SCHOOL SUPPLIES", "Stationery & School Supplies"),
        ("PNT BTR/JELLY/JAMS", "Peanut Butter, Jelly & Jams"),
        ("GREETING CARDS/WRAP/PARTY SPLY", "Greeting Cards, Wrap & Party Supplies"),
        ("HOUSEHOLD CLEANG NEEDS", "Household Cleaning Needs"),
    ],
)
def test_categories(raw: str, name: str) -> None:
    assert category_name(raw) == name


def test_departments() -> None:
    assert department_name("DRUG GM") == "Drugstore & General Merchandise"
    assert department_name("MEAT-PCKGD") == "Packaged Meat"
    assert department_name("PET SHOP") == "Pet Shop"


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        ("14.5 OZ", "14.5 oz"),
        ("6 PK/12 OZ", "6 pack / 12 oz"),
        ("P    16 OZ", "16 oz"),
        (".5 GAL", "0.5 gal"),
        ("1 DZ", "1 dozen"),
        ("2 PK 307314", "2 pack"),
        ("50 CT (3)", "50 ct"),
        ("L", ""),
        (None, ""),
    ],
)
def test_sizes(raw: str | None, size: str) -> None:
    assert package_size(raw) == size


def test_tags_come_from_whole_words() -> None:
    assert tags_of("FRZN VEGETABLE/VEG DSH FRZN CORN") == ("frozen",)
    assert "organic" in tags_of("ORGANICS FRUIT & VEGETABLES")
    assert "pet" in tags_of("DOG FOODS DOG TREATS")
    assert "pet" not in tags_of("HOT DOGS PREMIUM - BEEF")
    assert "alcohol" not in tags_of("BEERS/ALES BEERALE -NON ALCOHOLIC")
