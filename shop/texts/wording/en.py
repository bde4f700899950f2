"""English."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

ENGLISH = Wording(
    language="en",
    units={
        "times": {"=2": "twice", "other": "{n} times"},
        "shoppers_have": {"one": "{n} shopper has", "other": "{n} shoppers have"},
        "orders": {"one": "{n} order", "other": "{n} orders"},
        "rhythm": {"=1": "every day", "other": "about every {n} days"},
        "days_ago": {"=0": "a short while ago", "=1": "a day ago", "other": "{n} days ago"},
        "weeks_ago": {"=1": "about a week ago", "other": "about {n} weeks ago"},
        "months_ago": {"=1": "about a month ago", "other": "about {n} months ago"},
        "years_ago": {"=1": "about a year ago", "other": "about {n} years ago"},
        "soon": {"other": "It may be time for more"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "Goes with “{partner}”: {shoppers_have} bought the two together.",
            "{shoppers_have} bought it together with “{partner}”.",
            "To go with “{partner}”: {shoppers_have} put both in one basket.",
            "A companion for “{partner}”, which {shoppers_have} bought along with it.",
            "Goes with “{partner}”, as the baskets of other shoppers show.",
        ),
        ReasonKind.SIMILAR_TO: (
            "Similar to “{partner}”.",
            "Close in kind to “{partner}”.",
            "Much like “{partner}”.",
            "An alternative to “{partner}”.",
        ),
        ReasonKind.SAME_CATEGORY: (
            "You have bought from {label} {times}.",
            "You shop in {label}: {times} so far.",
            "From {label}, where you have bought {times} before.",
            "You have bought from {label} before.",
            "From {label}, where you have shopped before.",
        ),
        ReasonKind.SAME_BRAND: (
            "You have bought {label} {times} before.",
            "From {label}, a brand that you have bought {times}.",
            "More from {label}: you have bought the brand {times}.",
            "From {label}, a brand that you have bought before.",
            "More from {label}, which you have bought before.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Shoppers with baskets like yours buy it, and {shoppers_have} bought it in all.",
            "A choice of people who shop as you do; in all, {shoppers_have} bought it.",
            "Bought by shoppers with a taste like yours: {shoppers_have} bought it in all.",
            "Shoppers with baskets like yours buy it.",
        ),
        ReasonKind.TRENDING: (
            "In demand right now: it sells better than usual.",
            "More shoppers than usual are buying it at the moment.",
            "On the rise: it has been selling better than usual.",
            "Selling better than usual right now.",
        ),
        ReasonKind.POPULAR: (
            "{shoppers_have} bought it.",
            "Popular in this shop: {shoppers_have} bought it.",
            "A favourite here: {shoppers_have} bought it.",
            "Well liked: {shoppers_have} bought it.",
            "Popular in this shop.",
        ),
        ReasonKind.BUY_AGAIN: (
            "You have bought it {times}, the last time {ago}.",
            "You know it: you have bought it {times}, most recently {ago}.",
            "Already bought {times}, the last time {ago}.",
            "You have bought it {times} before.",
            "You bought it {ago}.",
            "You know it: you bought it {ago}.",
            "You have bought it before.",
        ),
        ReasonKind.DUE_AGAIN: (
            "{soon}: you usually buy it {rhythm}.",
            "You usually buy it {rhythm}.",
            "You buy it regularly.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "You looked at it {ago}.",
            "Still interested? You looked at it {ago}.",
            "You were looking at it {ago}.",
            "You looked at it recently.",
        ),
        ReasonKind.STATED_TASTE: (
            "You told us that you like {label}.",
            "For your taste for {label}.",
            "Because you told us that you like {label}.",
        ),
        ReasonKind.EXPLORATION: (
            "Something new to discover: tell us whether it is for you.",
            "We are trying this one to get to know your taste.",
            "A little experiment: we would like to know whether you care for it.",
        ),
        ReasonKind.PROMOTED: (
            "A pick of our shop.",
            "Our shop put it here for you to see.",
            "Recommended by the shop itself.",
        ),
        ReasonKind.CATALOGUE: (
            "From {label}, part of our range.",
            "Part of our range in {label}.",
            "Part of our range.",
        ),
    },
    opening="Picked for this list.",
    closings=(
        "By {brand}, in {category}.",
        "You will find it in {category}, by {brand}.",
        "You will find it in {category}, in the size {size}.",
        "By {brand}, in the size {size}.",
        "You will find it in {category}.",
        "By {brand}.",
        "The size is {size}.",
    ),
    insights=(
        "You come back most for {categories}, often choose {brand}, and pay about {price} an item.",
        "You come back most for {categories}, at about {price} an item.",
        "You come back most for {categories}, and often choose {brand}.",
        "You come back most for {categories}.",
        "You told us that you like {tastes}.",
        "We have seen too little of your shopping yet to say what you like.",
    ),
)
