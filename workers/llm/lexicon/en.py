"""English."""

from __future__ import annotations

from workers.llm.lexicon.lexicon import Claim, Lexicon, Unit

_YOU = r"\byou(?:['’]ve| have| had)?(?: \w+){0,2}?"

ENGLISH = Lexicon(
    language="en",
    function_words=frozenset(
        "the of and you your it its is with this that which for was were been they their and because from often has have "
        "are by at to goes here one before".split()
    ),
    numbers={
        "one": 1, "two": 2, "twice": 2, "double": 2, "doubled": 2, "twofold": 2, "thrice": 3, "triple": 3, "tripled": 3,
        "three": 3, "threefold": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
        "eleven": 11, "twelve": 12, "dozen": 12, "dozens": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
        "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40,
        "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "hundreds": 100,
        "thousand": 1000, "thousands": 1000, "million": 1_000_000, "millions": 1_000_000, "half": 0.5,
    },
    ambiguous=frozenset({"one", "two"}),
    joiner="and",
    polite=frozenset({"i", "you", "your"}),
    units={
        Unit.PEOPLE: r"shoppers?|customers?|people|persons?|buyers?|households?|others",
        Unit.DAYS: r"days?",
        Unit.WEEKS: r"weeks?",
        Unit.MONTHS: r"months?",
        Unit.YEARS: r"years?",
    },
    claims={
        Claim.BOUGHT: (
            rf"{_YOU} (?:bought|purchased|ordered|chosen|picked up|stocked up)\b|\byou (?:often |usually |always )?buy\b"
            r"|\b(?:in|into) your (?:basket|cart)\b|\byour (?:\w+ )?(?:purchases?|orders?)\b"
            r"|\byour shopping\b|\balready bought\b|\byou (?:already )?know\b"
        ),
        Claim.VIEWED: (
            rf"{_YOU} (?:viewed|looked at|browsed|visited|seen|checked out|had a look at)\b|\byou were (?:looking|browsing)\b"
            r"|\byour (?:\w+ )?(?:views?|visits?|browsing)\b"
        ),
        Claim.LIKED: rf"{_YOU} (?:liked|loved|enjoyed)\b",
        Claim.ACTED: (
            rf"{_YOU} (?:clicked|searched|rated|reviewed|saved|favou?rited|shared|added)\b"
            r"|\byour (?:wish ?list|favou?rites|ratings?|reviews?|search(?:es)?)\b"
        ),
        Claim.STATED: rf"{_YOU} (?:told|said|stated|named|mentioned|indicated)\b",
        Claim.TREND: r"\b(?:trend(?:ing|y|s)?|on the rise|surging|than usual|growing (?:demand|popularity)|all the rage)\b",
        Claim.POPULAR: r"\b(?:popular\w*|favou?rites?|in (?:high |great )?demand|much[- ]loved)\b",
        Claim.OFTEN: r"\b(?:often|frequently|again and again|time and again|all the time)\b",
        Claim.USUAL: r"\b(?:(?<!it )usually|your usual|regularly|routinely|as a rule|you (?:always|tend to))\b",
        Claim.LIKE_YOU: (
            r"\b(?:shoppers|customers|people|others|buyers) (?:like|similar to) you\b|\blike yours\b|\bresembles? yours\b"
            r"|\bsimilar (?:shoppers|customers|people)\b|\bshop as you do\b"
        ),
        Claim.OTHERS: (
            r"(?<!for all )(?<!for all the )\b(?:shoppers|customers|buyers|people|households|families|neighbou?rs|friends|fans|users"
            r"|others|everyone|everybody|(?:many|most|some)(?: of them)? (?:have|buy|bought|love|like|choose|chose|take|took))\b"
        ),
        Claim.SHOP_CHOICE: (
            r"\bshop\b(?: \w+){0,2} (?:chose|chosen|picked|selected|put)\b"
            r"|\b(?:chosen|picked|selected|put here) by the shop\b|\b(?:pick|choice) of (?:the|our) shop\b|\brecommended by (?:the|our) shop\b"
        ),
        Claim.PERSONAL: (
            r"\b(?:(?:chosen|picked|selected|made|right|just|perfect|personali[sz]ed) for you"
            r"|your (?:taste|habits|preferences|style|interests|history|needs)"
            r"|you(?:['’]ll| will| may| might)? (?:like|love|enjoy|prefer|often|usually|always|tend))\b"
        ),
    },
)  # fmt: skip
