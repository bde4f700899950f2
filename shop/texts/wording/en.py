"""English."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

ENGLISH = Wording(
    language="en",
    units={
        "times": {"=1": "once", "=2": "twice", "other": "{n} times"},
        "shoppers_have": {"one": "{n} shopper has", "other": "{n} shoppers have"},
        "purchases": {"one": "{n} purchase", "other": "{n} purchases"},
        "orders": {"one": "{n} order", "other": "{n} orders"},
        "rhythm": {"=1": "every day", "other": "about every {n} days"},
        "days_ago": {"=0": "less than a day ago", "=1": "a day ago", "other": "{n} days ago"},
        "weeks_ago": {"=1": "about a week ago", "other": "about {n} weeks ago"},
        "months_ago": {"=1": "about a month ago", "other": "about {n} months ago"},
        "years_ago": {"=1": "about a year ago", "other": "about {n} years ago"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "Shoppers who bought “{partner}” often took this too: {times}, or {factor} times what chance would give.",
            "It goes along with “{partner}”: they were bought together {times}, {factor} times as often as by chance.",
            "“{partner}” and this product were bought together {times}, which is {factor} times what chance would give.",
            "Who bought “{partner}” was {factor} times as likely as others to take this too.",
            "Shoppers who bought “{partner}” also took this: they were bought together {times}.",
            "“{partner}” and this product were bought together {times}.",
            "Shoppers who bought “{partner}” bought this as well.",
        ),
        ReasonKind.SIMILAR_TO: (
            "It resembles “{partner}”: by what we know of them, they match at {percent}.",
            "In kind it is near “{partner}”, with a match of {percent}.",
            "It shares traits with “{partner}”; their product details match at {percent}.",
            "It resembles “{partner}”.",
        ),
        ReasonKind.SAME_CATEGORY: (
            "You have bought from {label} {times}.",
            "{label} is a part of the shop that you know: you have bought there {times}.",
            "You have chosen from {label} {times} before, and this belongs there too.",
            "It belongs to {label}, which your shopping points to.",
        ),
        ReasonKind.SAME_BRAND: (
            "You have bought {label} {times}, and this carries the same brand.",
            "{label} is a brand you know: you have bought it {times}.",
            "It is by {label}, which you have bought {times}.",
            "It is by {label}, a brand that your shopping points to.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Shoppers with habits like yours buy this; {shoppers_have} bought it in all.",
            "It is a choice of shoppers whose baskets resemble yours, and {shoppers_have} bought it altogether.",
            "People who shop as you do take this home, and in all {shoppers_have} bought it.",
            "Shoppers with habits like yours buy this.",
        ),
        ReasonKind.TRENDING: (
            "It is in demand right now: {factor} times its usual level.",
            "Demand for it has lately grown to {factor} times what is usual.",
            "It is trending, at {factor} times its usual sales.",
            "It is trending in the shop right now.",
        ),
        ReasonKind.POPULAR: (
            "It is popular here: {shoppers_have} bought it.",
            "{shoppers_have} bought it, which makes it one of the shop's popular products.",
            "Others know it already: {shoppers_have} bought it.",
            "It is one of the shop's popular products.",
        ),
        ReasonKind.BUY_AGAIN: (
            "You have bought it {times}, the last time {ago}.",
            "It has been in your basket {times}, the last time {ago}.",
            "You know it: you have bought it {times}, most recently {ago}.",
            "You have bought it {times} before.",
            "You bought it {ago}.",
            "You have bought it before.",
        ),
        ReasonKind.DUE_AGAIN: (
            "You buy it {rhythm}.",
            "You buy it again and again.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "You looked at it {ago}.",
            "You viewed it {ago}, so here it is again.",
            "It is one of the products that you looked at, {ago}.",
            "You looked at it not long ago.",
        ),
        ReasonKind.STATED_TASTE: (
            "You told us that you like {label}, and this fits.",
            "It fits your taste for {label}, which you named yourself.",
            "You named {label} as a taste of yours, and this belongs to it.",
        ),
        ReasonKind.EXPLORATION: (
            "It is here as a try, so that your list can learn what you like: it was picked with a chance of {percent}.",
            "This is an idea for you to judge, drawn with a chance of {percent}.",
            "It is a try: it was drawn with a chance of {percent} to find out whether you care for it.",
            "It is here as a try, so that your list can learn what you like.",
        ),
        ReasonKind.PROMOTED: (
            "The shop itself chose this product for this place.",
            "This is a pick of the shop itself.",
            "The shop put it here itself.",
        ),
    },
    opening="It is one of the products that this list chose.",
    closings=(
        "Its brand is {brand}, and you find it under {category}.",
        "You find it under {category}, and it comes as {size}.",
        "It comes as {size}, with {brand} on the label.",
        "You find it under {category}.",
        "It comes as {size}.",
        "Its brand is {brand}.",
        "Its page has the details.",
    ),
    insights=(
        "Over {orders} you came back most for {categories}, often chose {brand}, and paid about {price} an item.",
        "Over {orders} you came back most for {categories}, at about {price} an item.",
        "Over {orders} you came back most for {categories}, and often chose {brand}.",
        "Over {orders} you came back most for {categories}.",
        "You shop most for {categories}, and often choose {brand}.",
        "You shop most for {categories}.",
        "You told us that you like {tastes}.",
        "There is too little of your shopping yet to say what you like.",
    ),
)
