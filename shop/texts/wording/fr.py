"""French."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

FRENCH = Wording(
    language="fr",
    units={
        "times": {"=2": "deux fois", "many": "{n} de fois", "other": "{n} fois"},
        "shoppers_have": {
            "one": "{n} personne l’a acheté",
            "many": "{n} de personnes l’ont acheté",
            "other": "{n} personnes l’ont acheté",
        },
        "orders": {"one": "{n} commande", "many": "{n} de commandes", "other": "{n} commandes"},
        "rhythm": {"=1": "chaque jour", "other": "environ tous les {n} jours"},
        "days_ago": {"=0": "il y a peu", "one": "il y a {n} jour", "other": "il y a {n} jours"},
        "weeks_ago": {"=1": "il y a environ une semaine", "other": "il y a environ {n} semaines"},
        "months_ago": {"=1": "il y a environ un mois", "other": "il y a environ {n} mois"},
        "years_ago": {"=1": "il y a environ un an", "other": "il y a environ {n} ans"},
        "soon": {"other": "C’est peut-être le moment d’en reprendre"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "Va avec « {partner} » : {shoppers_have} en même temps.",
            "Avec « {partner} », {shoppers_have}.",
            "Pour accompagner « {partner} » : {shoppers_have} dans le même panier.",
            "Un bon complément de « {partner} » : {shoppers_have} en même temps.",
            "Va avec « {partner} », comme le montrent les paniers d’autres clients.",
        ),
        ReasonKind.SIMILAR_TO: (
            "Semblable à « {partner} ».",
            "Dans le même genre que « {partner} ».",
            "Très proche de « {partner} ».",
            "Une alternative à « {partner} ».",
        ),
        ReasonKind.SAME_CATEGORY: (
            "Vous avez déjà acheté {times} au rayon {label}.",
            "Vous faites vos achats au rayon {label} : {times} jusqu’ici.",
            "Du rayon {label}, où vous avez acheté {times}.",
            "Vous avez déjà acheté au rayon {label}.",
            "Du rayon {label}, où vous avez déjà acheté.",
        ),
        ReasonKind.SAME_BRAND: (
            "Vous avez déjà acheté {label} {times}.",
            "De {label}, une marque que vous avez achetée {times}.",
            "Encore un produit {label} : vous avez acheté la marque {times}.",
            "De {label}, une marque que vous avez déjà achetée.",
            "Encore un produit {label}, que vous avez déjà acheté.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Des clients au panier proche du vôtre l’achètent ; en tout, {shoppers_have}.",
            "Un choix de ceux qui font leurs courses comme vous ; en tout, {shoppers_have}.",
            "Apprécié de clients aux goûts proches des vôtres : en tout, {shoppers_have}.",
            "Des clients au panier proche du vôtre l’achètent.",
        ),
        ReasonKind.TRENDING: (
            "Très demandé en ce moment : il se vend mieux que d’habitude.",
            "En ce moment, plus de clients que d’habitude l’achètent.",
            "En vogue : il se vend mieux que d’habitude ces temps-ci.",
            "Il se vend mieux que d’habitude en ce moment.",
        ),
        ReasonKind.POPULAR: (
            "Dans cette boutique, {shoppers_have}.",
            "Apprécié dans cette boutique : {shoppers_have}.",
            "Une valeur sûre ici : {shoppers_have}.",
            "Souvent choisi : {shoppers_have}.",
            "Apprécié dans cette boutique.",
        ),
        ReasonKind.BUY_AGAIN: (
            "Vous l’avez acheté {times}, la dernière fois {ago}.",
            "Vous le connaissez : acheté {times}, la dernière fois {ago}.",
            "Déjà acheté {times}, la dernière fois {ago}.",
            "Vous l’avez déjà acheté {times}.",
            "Vous l’avez acheté {ago}.",
            "Vous le connaissez : vous l’avez acheté {ago}.",
            "Vous l’avez déjà acheté.",
        ),
        ReasonKind.DUE_AGAIN: (
            "{soon} : vous l’achetez d’ordinaire {rhythm}.",
            "Vous l’achetez d’ordinaire {rhythm}.",
            "Vous l’achetez régulièrement.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "Vous l’avez regardé {ago}.",
            "Toujours intéressé ? Vous l’avez regardé {ago}.",
            "Vous le regardiez {ago}.",
            "Vous l’avez regardé il y a peu.",
        ),
        ReasonKind.STATED_TASTE: (
            "Vous nous avez dit aimer {label}.",
            "Pour votre goût pour {label}.",
            "Parce que vous nous avez dit aimer {label}.",
        ),
        ReasonKind.EXPLORATION: (
            "Une nouveauté à découvrir : dites-nous si elle vous convient.",
            "Ainsi, nous apprenons à connaître vos goûts.",
            "Un petit essai : nous aimerions savoir si cela vous plaît.",
        ),
        ReasonKind.PROMOTED: (
            "Un choix de notre boutique.",
            "Notre boutique l’a placé ici pour vous.",
            "Recommandé par la boutique elle-même.",
        ),
        ReasonKind.CATALOGUE: (
            "Du rayon {label}, dans notre assortiment.",
            "De notre assortiment au rayon {label}.",
            "De notre assortiment.",
        ),
    },
    opening="Choisi pour cette liste.",
    closings=(
        "De {brand}, au rayon {category}.",
        "Vous le trouverez au rayon {category}, de {brand}.",
        "Vous le trouverez au rayon {category}, au format {size}.",
        "De {brand}, au format {size}.",
        "Vous le trouverez au rayon {category}.",
        "De {brand}.",
        "Le format est {size}.",
    ),
    insights=(
        "Vous revenez surtout pour {categories}, choisissez souvent {brand} et payez environ {price} l’article.",
        "Vous revenez surtout pour {categories}, à environ {price} l’article.",
        "Vous revenez surtout pour {categories} et choisissez souvent {brand}.",
        "Vous revenez surtout pour {categories}.",
        "Vous nous avez dit aimer {tastes}.",
        "Nous avons encore vu trop peu de vos achats pour dire ce que vous aimez.",
    ),
)
