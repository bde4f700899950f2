"""Entities to MongoDB documents and back. Field names of the database live here and in `mongo_seed.collections`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from scoring.types import EventType
from shop.entities.catalog import Category, Money, Product
from shop.entities.explanations import Text, TextSource
from shop.entities.interactions import Interaction
from shop.entities.users import Actor, Preferences, Role, User
from shop.search.fields import search_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]


def stored_time(at: datetime) -> datetime:
    """A time as MongoDB keeps it: in whole milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def money_to_document(money: Money | None) -> Document | None:
    return None if money is None else {"minor": money.minor, "currency": money.currency}


def money_from_document(document: Mapping[str, Any] | None) -> Money | None:
    return None if document is None else Money.from_minor(document["minor"], document["currency"])


def product_to_document(product: Product) -> Document:
    """All but when it was withdrawn: whoever writes the rest leaves that as it is."""
    return searchable(
        {
            "_id": product.id,
            "sku": product.sku,
            "name": product.name,
            "description": product.description,
            "categoryPath": list(product.category_path),
            "brand": product.brand,
            "tags": list(product.tags),
            "variantSkus": list(product.variant_skus),
            "price": money_to_document(product.price),
            "packageSize": product.package_size,
            "imageUrl": product.image_url,
            "inStock": product.in_stock,
            "rating": product.rating,
            "popularity": product.popularity,
            "buyerCount": product.buyer_count,
            "createdAt": product.created_at,
            "updatedAt": product.updated_at,
        }
    )


def searchable(product: Document) -> Document:
    """The product's document with the words that find it, as its other fields now are."""
    return {**product, "search": search_fields(product)}


def product_from_document(document: Mapping[str, Any]) -> Product:
    return Product(
        id=document["_id"],
        sku=document["sku"],
        name=document["name"],
        description=document["description"],
        category_path=tuple(document["categoryPath"]),
        brand=document["brand"],
        tags=tuple(document["tags"]),
        variant_skus=tuple(document.get("variantSkus", ())),  # an older process writes none
        price=money_from_document(document["price"]),
        package_size=document["packageSize"],
        image_url=document["imageUrl"],
        in_stock=document["inStock"],
        rating=document["rating"],
        popularity=document["popularity"],
        buyer_count=document["buyerCount"],
        created_at=document["createdAt"],
        updated_at=document["updatedAt"],
        withdrawn_at=document.get("withdrawnAt"),
    )


def category_to_document(category: Category) -> Document:
    return {
        "_id": category.id,
        "name": category.name,
        "parentId": category.parent_id,
        "path": list(category.path),
        "productCount": category.product_count,
    }


def category_from_document(document: Mapping[str, Any]) -> Category:
    return Category(
        document["_id"], document["name"], document["parentId"], tuple(document["path"]), document["productCount"]
    )


def user_to_document(user: User) -> Document:
    return {
        "_id": user.id,
        "email": user.email,
        "displayName": user.display_name,
        "locale": user.locale,
        "role": user.role.value,
        "preferences": {
            "categories": list(user.preferences.categories),
            "brands": list(user.preferences.brands),
            "tags": list(user.preferences.tags),
        },
        "createdAt": user.created_at,
        **({} if user.role_issued_at is None else {"roleIssuedAt": user.role_issued_at}),
    }


def user_from_document(document: Mapping[str, Any]) -> User:
    preferences = document["preferences"]
    return User(
        id=document["_id"],
        email=document["email"],
        display_name=document["displayName"],
        locale=document["locale"],
        role=Role(document["role"]),
        preferences=Preferences(
            tuple(preferences["categories"]), tuple(preferences["brands"]), tuple(preferences["tags"])
        ),
        created_at=document["createdAt"],
        role_issued_at=document.get("roleIssuedAt"),
    )


def interaction_to_document(interaction: Interaction) -> Document:
    """Optional facts are left out when unknown: there are millions of these."""
    document: Document = {
        "_id": interaction.id,
        "userId": interaction.actor.user_id,
        "productId": interaction.product_id,
        "type": interaction.type.value,
        "at": interaction.at,
        "quantity": interaction.quantity,
    }
    optional = {
        "sessionId": interaction.actor.session_id,
        "price": money_to_document(interaction.price),
        "orderId": interaction.order_id,
        "recommendationId": interaction.recommendation_id,
        "rating": interaction.rating,
        "automated": interaction.automated or None,
    }
    document.update((name, value) for name, value in optional.items() if value is not None)
    return document


def interaction_from_document(document: Mapping[str, Any]) -> Interaction:
    actor = Actor(document["userId"], document.get("sessionId"))
    return Interaction(
        key=document["_id"].removeprefix(f"{actor.key}:"),
        actor=actor,
        product_id=document["productId"],
        type=EventType(document["type"]),
        at=document["at"],
        quantity=document["quantity"],
        price=money_from_document(document.get("price")),
        order_id=document.get("orderId"),
        recommendation_id=document.get("recommendationId"),
        rating=document.get("rating"),
        automated=document.get("automated", False),
    )


def text_to_fields(text: Text | None) -> Document:
    """The fields of a document that has a text, or is to have one."""
    return {
        "text": text.text if text else None,
        "source": text.source.value if text else None,
        "model": text.model if text else None,
        "promptVersion": text.prompt_version if text else None,
        "generatedAt": text.generated_at if text else None,
    }


def text_from_document(document: Mapping[str, Any]) -> Text | None:
    if document["text"] is None:
        return None
    at = document["generatedAt"]
    return Text(
        document["text"],
        TextSource(document["source"]),
        document["model"],
        document["promptVersion"],
        at if isinstance(at, datetime) else datetime.fromisoformat(at),  # JSON of the cache
    )
