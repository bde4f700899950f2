"""French."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

FRENCH = Wording(
    language="fr",
    units={
        "times": {"=1": "une fois", "=2": "deux fois", "many": "{n} de fois", "other": "{n} fois"},
        "shoppers_have": {
            "one": "{n} personne l’a déjà acheté",
            "many": "{n} de personnes l’ont déjà acheté",
            "other": "{n} personnes l’ont déjà acheté",
        },
        "purchases": {"one": "{n} achat", "many": "{n} d’achats", "other": "{n} achats"},
        "orders": {"one": "{n} commande", "many": "{n} de commandes", "other": "{n} commandes"},
        "rhythm": {"=1": "chaque jour", "other": "environ tous les {n} jours"},
        "days_ago": {"=0": "il y a moins d’un jour", "one": "il y a {n} jour", "other": "il y a {n} jours"},
        "weeks_ago": {"=1": "il y a environ une semaine", "other": "il y a environ {n} semaines"},
        "months_ago": {"=1": "il y a environ un mois", "other": "il y a environ {n} mois"},
        "years_ago": {"=1": "il y a environ un an", "other": "il y a environ {n} ans"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "Il va souvent avec « {partner} » : achetés ensemble {times}, soit {factor} fois ce que donnerait le hasard.",
            "Avec « {partner} », il a été acheté {times}, soit {factor} fois ce que donnerait le hasard.",
            "« {partner} » et ce produit ont été achetés ensemble {times}, {factor} fois plus que par hasard.",
            "Qui a acheté « {partner} » a pris ce produit {factor} fois plus souvent que les autres.",
            "Qui a acheté « {partner} » a aussi pris ce produit : ils ont été achetés ensemble {times}.",
            "« {partner} » et ce produit ont été achetés ensemble {times}.",
            "Qui a acheté « {partner} » a aussi acheté ce produit.",
        ),
        ReasonKind.SIMILAR_TO: (
            "Il ressemble à « {partner} » : d’après leurs fiches, ils se correspondent à {percent}.",
            "Il est proche de « {partner} », avec une correspondance de {percent}.",
            "Il a des points communs avec « {partner} » ; leurs fiches se correspondent à {percent}.",
            "Il ressemble à « {partner} ».",
        ),
        ReasonKind.SAME_CATEGORY: (
            "Vous avez acheté {times} dans {label}.",
            "{label} est un rayon que vous connaissez : vous y avez acheté {times}.",
            "Vous avez choisi {times} dans {label}, et ce produit en fait partie.",
            "Il fait partie de {label}, vers quoi pointent vos achats.",
        ),
        ReasonKind.SAME_BRAND: (
            "Vous avez acheté {label} {times}, et ce produit est de la même marque.",
            "{label} est une marque que vous connaissez : vous en avez acheté {times}.",
            "Il est de {label}, que vous avez acheté {times}.",
            "Il est de {label}, une marque vers laquelle pointent vos achats.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Des clients aux habitudes proches des vôtres achètent ce produit ; en tout, {shoppers_have}.",
            "C’est un choix de clients dont le panier ressemble au vôtre, et en tout {shoppers_have}.",
            "Ceux qui font leurs courses comme vous le prennent, et en tout {shoppers_have}.",
            "Des clients aux habitudes proches des vôtres achètent ce produit.",
        ),
        ReasonKind.TRENDING: (
            "Il est très demandé en ce moment : {factor} fois son niveau habituel.",
            "La demande a récemment atteint {factor} fois son niveau habituel.",
            "Il est en vogue, à {factor} fois ses ventes habituelles.",
            "Il est en vogue dans la boutique en ce moment.",
        ),
        ReasonKind.POPULAR: (
            "Il est apprécié ici : {shoppers_have}.",
            "C’est un des produits populaires de la boutique : {shoppers_have}.",
            "D’autres le connaissent : {shoppers_have}.",
            "C’est un des produits populaires de la boutique.",
        ),
        ReasonKind.BUY_AGAIN: (
            "Vous l’avez acheté {times}, la dernière fois {ago}.",
            "Il a été {times} dans votre panier, la dernière fois {ago}.",
            "Vous le connaissez : vous l’avez acheté {times}, la dernière fois {ago}.",
            "Vous l’avez acheté {times}.",
            "Vous l’avez acheté {ago}.",
            "Vous l’avez déjà acheté.",
        ),
        ReasonKind.DUE_AGAIN: (
            "Vous l’achetez {rhythm}.",
            "Vous l’achetez régulièrement.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "Vous l’avez consulté {ago}.",
            "Vous l’avez regardé {ago}, le voici donc encore.",
            "Il est un des produits que vous avez consultés, {ago}.",
            "Vous l’avez consulté il y a peu.",
        ),
        ReasonKind.STATED_TASTE: (
            "Vous nous avez dit aimer {label}, et ce produit y répond.",
            "Il répond à votre goût pour {label}, que vous avez indiqué.",
            "Vous avez indiqué {label} parmi vos goûts, et ce produit en fait partie.",
        ),
        ReasonKind.EXPLORATION: (
            "C’est un essai, pour que votre liste apprenne ce que vous aimez : sa chance d’être ici était de {percent}.",
            "C’est une idée que vous pouvez juger, tirée avec une chance de {percent}.",
            "C’est un essai : il a été tiré avec une chance de {percent} pour savoir si cela vous convient.",
            "C’est un essai, pour que votre liste apprenne ce que vous aimez.",
        ),
        ReasonKind.PROMOTED: (
            "La boutique a choisi ce produit pour cette place.",
            "C’est un choix de la boutique.",
            "La boutique l’a placé ici.",
        ),
    },
    opening="C’est un des produits que cette liste a choisis.",
    closings=(
        "Sa marque est {brand}, et vous le trouvez sous {category}.",
        "Vous le trouvez sous {category}, au format {size}.",
        "Il est au format {size}, avec {brand} sur l’étiquette.",
        "Vous le trouvez sous {category}.",
        "Il est au format {size}.",
        "Sa marque est {brand}.",
        "Sa page donne les détails.",
    ),
    insights=(
        "Au fil de {orders}, vous êtes surtout revenu pour {categories}, avec souvent {brand}, à environ {price} l’article.",
        "Au fil de {orders}, vous êtes surtout revenu pour {categories}, à environ {price} l’article.",
        "Au fil de {orders}, vous êtes surtout revenu pour {categories}, avec souvent {brand}.",
        "Au fil de {orders}, vous êtes surtout revenu pour {categories}.",
        "Vous achetez surtout {categories}, avec souvent {brand}.",
        "Vous achetez surtout {categories}.",
        "Vous nous avez dit aimer {tastes}.",
        "Vos achats sont encore trop peu nombreux pour dire ce que vous aimez.",
    ),
)
