"""Spanish."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

SPANISH = Wording(
    language="es",
    units={
        "times": {"=2": "dos veces", "many": "{n} de veces", "other": "{n} veces"},
        "shoppers_have": {
            "one": "{n} persona lo ha comprado",
            "many": "{n} de personas lo han comprado",
            "other": "{n} personas lo han comprado",
        },
        "orders": {"one": "{n} pedido", "many": "{n} de pedidos", "other": "{n} pedidos"},
        "rhythm": {"=1": "cada día", "other": "más o menos cada {n} días"},
        "days_ago": {"=0": "hace poco", "one": "hace {n} día", "other": "hace {n} días"},
        "weeks_ago": {"=1": "hace más o menos una semana", "other": "hace unas {n} semanas"},
        "months_ago": {"=1": "hace más o menos un mes", "other": "hace unos {n} meses"},
        "years_ago": {"=1": "hace más o menos un año", "other": "hace unos {n} años"},
        "soon": {"other": "Quizá ya toque reponerlo"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "Va bien con «{partner}»: {shoppers_have} a la vez.",
            "Junto con «{partner}», {shoppers_have}.",
            "Para acompañar a «{partner}»: {shoppers_have} en la misma cesta.",
            "Un buen complemento de «{partner}»: {shoppers_have} a la vez.",
            "Va bien con «{partner}», como muestran las cestas de otros clientes.",
        ),
        ReasonKind.SIMILAR_TO: (
            "Parecido a «{partner}».",
            "Del mismo estilo que «{partner}».",
            "Muy parecido a «{partner}».",
            "Una alternativa a «{partner}».",
        ),
        ReasonKind.SAME_CATEGORY: (
            "Has comprado {times} en {label}.",
            "Compras en {label}: {times} hasta ahora.",
            "De {label}, donde ya has comprado {times}.",
            "Ya has comprado en {label}.",
            "De {label}, donde ya has comprado antes.",
        ),
        ReasonKind.SAME_BRAND: (
            "Ya has comprado {label} {times}.",
            "De {label}, una marca que has comprado {times}.",
            "Más de {label}: has comprado la marca {times}.",
            "De {label}, una marca que ya has comprado.",
            "Más de {label}, que ya has comprado antes.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Lo compran clientes con cestas como la tuya; en total, {shoppers_have}.",
            "Lo eligen quienes compran como tú; en total, {shoppers_have}.",
            "Gusta a clientes con un gusto como el tuyo: en total, {shoppers_have}.",
            "Lo compran clientes con cestas como la tuya.",
        ),
        ReasonKind.TRENDING: (
            "Muy demandado ahora: se vende mejor que de costumbre.",
            "En este momento lo compra más gente que de costumbre.",
            "En alza: últimamente se vende mejor que de costumbre.",
            "Ahora se vende mejor que de costumbre.",
        ),
        ReasonKind.POPULAR: (
            "En esta tienda, {shoppers_have}.",
            "Popular en esta tienda: {shoppers_have}.",
            "Un favorito de la casa: {shoppers_have}.",
            "Gusta mucho: {shoppers_have}.",
            "Popular en esta tienda.",
        ),
        ReasonKind.BUY_AGAIN: (
            "Lo has comprado {times}, la última vez {ago}.",
            "Lo conoces: lo has comprado {times}, la última vez {ago}.",
            "Ya comprado {times}, la última vez {ago}.",
            "Ya lo has comprado {times}.",
            "Lo compraste {ago}.",
            "Lo conoces: lo compraste {ago}.",
            "Ya lo has comprado antes.",
        ),
        ReasonKind.DUE_AGAIN: (
            "{soon}: sueles comprarlo {rhythm}.",
            "Sueles comprarlo {rhythm}.",
            "Lo compras con regularidad.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "Lo miraste {ago}.",
            "¿Aún te interesa? Lo miraste {ago}.",
            "Estuviste mirándolo {ago}.",
            "Lo miraste hace poco.",
        ),
        ReasonKind.STATED_TASTE: (
            "Nos dijiste que te gusta {label}.",
            "Para tu gusto por {label}.",
            "Porque nos dijiste que te gusta {label}.",
        ),
        ReasonKind.EXPLORATION: (
            "Algo nuevo por descubrir: dinos si es para ti.",
            "Con esto vamos conociendo tus gustos.",
            "Una pequeña prueba: queremos saber si te interesa.",
        ),
        ReasonKind.PROMOTED: (
            "Una elección de nuestra tienda.",
            "Nuestra tienda lo ha puesto aquí para ti.",
            "Recomendado por la propia tienda.",
        ),
        ReasonKind.CATALOGUE: (
            "De {label}, en nuestro surtido.",
            "De nuestro surtido de {label}.",
            "De nuestro surtido.",
        ),
    },
    opening="Elegido para esta lista.",
    closings=(
        "De {brand}, en {category}.",
        "Lo encontrarás en {category}, de {brand}.",
        "Lo encontrarás en {category}, en formato de {size}.",
        "De {brand}, en formato de {size}.",
        "Lo encontrarás en {category}.",
        "De {brand}.",
        "El formato es de {size}.",
    ),
    insights=(
        "Vuelves sobre todo por {categories}, eliges a menudo {brand} y pagas unos {price} por artículo.",
        "Vuelves sobre todo por {categories}, a unos {price} por artículo.",
        "Vuelves sobre todo por {categories} y eliges a menudo {brand}.",
        "Vuelves sobre todo por {categories}.",
        "Nos dijiste que te gusta {tastes}.",
        "Aún hemos visto muy pocas compras tuyas para decir lo que te gusta.",
    ),
)
