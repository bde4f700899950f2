"""Whoever adds a collection or a key says what of a shopper is there: no export and no erasure passes it over."""

from __future__ import annotations

from collections import Counter

from mongo_seed.collections import COLLECTIONS
from shop.jobs import ExplainList, RollUpSession, StreamExplanation, WriteInsight
from shop.privacy.keys import KEY_PLACES
from shop.privacy.messages import ACTOR_FIELD, USER_FIELD
from shop.privacy.places import PLACES, Erasing
from shop.store.keys import Keys


def test_every_collection_has_its_place() -> None:
    declared = {collection.name for collection in COLLECTIONS}

    assert declared - {place.collection for place in PLACES} == set()
    assert {place.collection for place in PLACES} - declared == set()


def test_every_kind_of_key_has_its_place_once() -> None:
    named = {name for name in vars(Keys) if not name.startswith("_")} - {"prefix"}

    assert named - {place.key for place in KEY_PLACES} == set()
    assert {place.key for place in KEY_PLACES} - named == set()
    assert max(Counter(place.key for place in KEY_PLACES).values()) == 1


def test_a_place_says_how_it_is_found_or_why_nothing_is_there() -> None:
    for place in PLACES:
        if place.erasing is Erasing.NOTHING:
            assert place.why
            assert not place.found
            assert place.export_as is None
        else:
            assert place.found
            assert place.holds
        if place.erasing is Erasing.RENAME:
            assert place.why


def test_an_export_has_no_name_twice() -> None:
    names = Counter(place.export_as for place in PLACES if place.export_as)

    assert max(names.values()) == 1


def test_what_names_somebody_in_a_message_is_found_by_these_fields() -> None:
    for message in (ExplainList, StreamExplanation):
        assert ACTOR_FIELD in message.__dataclass_fields__
    for message_about_user in (WriteInsight, RollUpSession):
        assert USER_FIELD in message_about_user.__dataclass_fields__
