"""French."""

from __future__ import annotations

from workers.llm.lexicon.lexicon import Claim, Lexicon, Unit

_YOU_HAVE = r"\b(?:vous (?:l['’]|les |en |y |nous )?ave[zr]|vous (?:l['’]|en )?aviez|tu (?:l['’]|en )?as)(?: \S+){0,3}?"

FRENCH = Lexicon(
    language="fr",
    function_words=frozenset(
        "le les des et est vous votre vos avec ce cette qui pour été dans une il elle ont sa ses aux au par sur souvent "
        "plus aussi ils ceux c l d en avez".split()
    ),
    numbers={
        "un": 1, "une": 1, "deux": 2, "double": 2, "doublé": 2, "trois": 3, "triple": 3, "triplé": 3, "quatre": 4,
        "cinq": 5, "six": 6, "sept": 7, "huit": 8, "neuf": 9, "dix": 10, "dizaine": 10, "dizaines": 10, "onze": 11,
        "douze": 12, "douzaine": 12, "douzaines": 12, "treize": 13, "quatorze": 14, "quinze": 15, "seize": 16,
        "vingt": 20, "vingts": 20, "vingtaine": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60,
        "cent": 100, "cents": 100, "centaine": 100, "centaines": 100, "mille": 1000, "millier": 1000, "milliers": 1000,
        "million": 1_000_000, "millions": 1_000_000, "moitié": 0.5,
    },
    ambiguous=frozenset({"un", "une", "deux"}),
    joiner="et",
    polite=frozenset({"vous", "votre", "vos"}),
    units={
        Unit.PEOPLE: r"personnes?|clients?|acheteurs?|foyers|gens",
        Unit.DAYS: r"jours?",
        Unit.WEEKS: r"semaines?",
        Unit.MONTHS: r"mois",
        Unit.YEARS: r"ans?|années?",
    },
    claims={
        Claim.BOUGHT: (
            rf"{_YOU_HAVE} ?(?:acheté|commandé|choisi|pris)\w*|\bvous (?:l['’])?(?:achetez|commandez)\b|\bvous (?:le )?connaissez\b|\bvous est familier\b|(?:^|[.!] )déjà acheté\b|\btu achètes\b"
            r"|\b(?:vos|tes) (?:\w+ )?(?:achats|commandes)\b"
            r"|\b(?:votre|ton|ta) (?:\w+ )?(?:achat|commande)\b|\bdans (?:votre|ton) panier\b"
        ),
        Claim.VIEWED: rf"{_YOU_HAVE} ?(?:consulté|regardé|vu|visité|parcouru|examiné)\w*|\bvous (?:le )?regardiez\b",
        Claim.LIKED: rf"{_YOU_HAVE} ?(?:aimé|adoré|apprécié)\w*",
        Claim.ACTED: (
            rf"{_YOU_HAVE} ?(?:cliqué|recherché|cherché|noté|évalué|enregistré|ajouté)\w*"
            r"|\b(?:vos|tes) (?:favoris|recherches|évaluations)\b|\bliste d['’]envies\b"
        ),
        Claim.STATED: rf"{_YOU_HAVE} ?(?:dit|indiqué|déclaré|précisé|mentionné)\w*",
        Claim.TREND: r"\b(?:en vogue|tendances?|en plein essor|en hausse|à la mode|que d['’]habitude)\b",
        Claim.POPULAR: r"\b(?:populaires?|plébiscité\w*|très demandé\w*|apprécié\w* (?:ici|par|de)|favoris?|coup de cœur)\b",
        Claim.OFTEN: r"\b(?:souvent|fréquemment)\b",
        Claim.USUAL: r"\b(?:régulièrement|très régulier\w*|(?<!que )d[’']habitude|(?<!que )d[’']ordinaire|habituellement|généralement|en général)\b",
        Claim.LIKE_YOU: (
            r"\bcomme (?:vous|toi)\b|\bproches? d(?:es|u) vôtres?\b|\bressemblent? aux? vôtres?\b"
            r"|\b(?:clients|acheteurs|personnes) similaires\b|\bqui vous ressemblent\b"
        ),
        Claim.OTHERS: (
            r"(?<!pour tous les )\b(?:clients|acheteurs|gens|consommateurs|personnes|foyers|familles|voisins|amis|beaucoup (?:l['’]ont|ont|aiment|achètent)|d['’]autres le"
            r"|beaucoup de monde|tout le monde|la plupart)\b"
        ),
        Claim.SHOP_CHOICE: (
            r"\b(?:boutique|magasin|enseigne)\b(?: \S+){0,2} (?:choisi|sélectionné|mis|placé)\w*\b|\bboutique l['’]a\b"
            r"|\bchoix d(?:e (?:la|notre) boutique|u magasin)\b|\b(?:choisi|sélectionné|placé|mis|recommandé)\w* (?:ici )?par (?:(?:la|notre) boutique|le magasin)\b"
        ),
        Claim.PERSONAL: (
            r"\b(?:choisi|sélectionné|fait|idéal|parfait|conçu|pensé)\w* pour (?:vous|toi)\b|\b(?:votre|ton) (?:goût|style|profil)\b"
            r"|\b(?:vos|tes) (?:goûts|habitudes|préférences|envies|besoins|intérêts)\b"
            r"|\b(?:vous (?:aimez|adorez|aimerez|adorerez|préférez)|vous plai\w+|te plai\w+|tu (?:aimes|aimeras))\b"
        ),
    },
)  # fmt: skip
