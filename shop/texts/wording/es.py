"""Spanish."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

SPANISH = Wording(
    language="es",
    units={
        "times": {"=1": "una vez", "=2": "dos veces", "many": "{n} de veces", "other": "{n} veces"},
        "shoppers_have": {
            "one": "{n} persona lo ha comprado",
            "many": "{n} de personas lo han comprado",
            "other": "{n} personas lo han comprado",
        },
        "purchases": {"one": "{n} compra", "many": "{n} de compras", "other": "{n} compras"},
        "orders": {"one": "{n} pedido", "many": "{n} de pedidos", "other": "{n} pedidos"},
        "rhythm": {"=1": "cada día", "other": "más o menos cada {n} días"},
        "days_ago": {"=0": "hace menos de un día", "one": "hace {n} día", "other": "hace {n} días"},
        "weeks_ago": {"=1": "hace más o menos una semana", "other": "hace unas {n} semanas"},
        "months_ago": {"=1": "hace más o menos un mes", "other": "hace unos {n} meses"},
        "years_ago": {"=1": "hace más o menos un año", "other": "hace unos {n} años"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "Quien compró «{partner}» a menudo se llevó también esto: {times}, es decir, {factor} veces lo que daría el azar.",
            "Va bien con «{partner}»: se compraron juntos {times}, {factor} veces más que por azar.",
            "«{partner}» y este producto se compraron juntos {times}, {factor} veces lo que daría el azar.",
            "Quien compró «{partner}» se llevó esto {factor} veces más que los demás.",
            "Quien compró «{partner}» se llevó también esto: se compraron juntos {times}.",
            "«{partner}» y este producto se compraron juntos {times}.",
            "Quien compró «{partner}» compró también este producto.",
        ),
        ReasonKind.SIMILAR_TO: (
            "Se parece a «{partner}»: por lo que sabemos de ambos, coinciden en un {percent}.",
            "Es cercano a «{partner}», con una coincidencia del {percent}.",
            "Tiene rasgos en común con «{partner}»; sus datos coinciden en un {percent}.",
            "Se parece a «{partner}».",
        ),
        ReasonKind.SAME_CATEGORY: (
            "Has comprado {times} en {label}.",
            "{label} es una sección que conoces: has comprado allí {times}.",
            "Has elegido {times} algo de {label}, y este producto también es de allí.",
            "Es de {label}, hacia donde apuntan tus compras.",
        ),
        ReasonKind.SAME_BRAND: (
            "Has comprado {label} {times}, y este producto es de la misma marca.",
            "{label} es una marca que conoces: la has comprado {times}.",
            "Es de {label}, que has comprado {times}.",
            "Es de {label}, una marca hacia la que apuntan tus compras.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Clientes con hábitos como los tuyos compran este producto; en total, {shoppers_have}.",
            "Es una elección de clientes cuyas cestas se parecen a la tuya, y en total {shoppers_have}.",
            "Quienes compran como tú se lo llevan, y en total {shoppers_have}.",
            "Clientes con hábitos como los tuyos compran este producto.",
        ),
        ReasonKind.TRENDING: (
            "Tiene mucha demanda ahora: {factor} veces su nivel habitual.",
            "La demanda ha subido últimamente a {factor} veces lo habitual.",
            "Es tendencia, con {factor} veces sus ventas habituales.",
            "Es tendencia en la tienda ahora mismo.",
        ),
        ReasonKind.POPULAR: (
            "Aquí es popular: {shoppers_have}.",
            "Es uno de los productos populares de la tienda: {shoppers_have}.",
            "Otros ya lo conocen: {shoppers_have}.",
            "Es uno de los productos populares de la tienda.",
        ),
        ReasonKind.BUY_AGAIN: (
            "Lo has comprado {times}, la última vez {ago}.",
            "Ha estado en tu cesta {times}, la última vez {ago}.",
            "Lo conoces: lo has comprado {times}, la última vez {ago}.",
            "Ya lo has comprado {times}.",
            "Lo compraste {ago}.",
            "Ya lo has comprado antes.",
        ),
        ReasonKind.DUE_AGAIN: (
            "Lo compras {rhythm}.",
            "Lo compras una y otra vez.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "Lo miraste {ago}.",
            "Lo viste {ago}, y por eso está aquí otra vez.",
            "Es uno de los productos que miraste, {ago}.",
            "Lo miraste hace poco.",
        ),
        ReasonKind.STATED_TASTE: (
            "Nos dijiste que te gusta {label}, y esto encaja.",
            "Encaja con tu gusto por {label}, que indicaste tú mismo.",
            "Indicaste {label} entre tus gustos, y este producto es de ahí.",
        ),
        ReasonKind.EXPLORATION: (
            "Es una prueba, para que tu lista aprenda lo que te gusta: su probabilidad de estar aquí era del {percent}.",
            "Es una idea para que la juzgues, sacada con una probabilidad del {percent}.",
            "Es una prueba: salió con una probabilidad del {percent}, para saber si te interesa.",
            "Es una prueba, para que tu lista aprenda lo que te gusta.",
        ),
        ReasonKind.PROMOTED: (
            "La tienda eligió este producto para este lugar.",
            "Es una elección de la propia tienda.",
            "La tienda lo puso aquí.",
        ),
    },
    opening="Es uno de los productos que esta lista ha elegido.",
    closings=(
        "Su marca es {brand}, y lo encuentras en {category}.",
        "Lo encuentras en {category}, en formato de {size}.",
        "Viene en formato de {size}, con {brand} en la etiqueta.",
        "Lo encuentras en {category}.",
        "Viene en formato de {size}.",
        "Su marca es {brand}.",
        "Su página tiene los detalles.",
    ),
    insights=(
        "En {orders} has vuelto sobre todo por {categories}, a menudo con {brand}, y has pagado unos {price} por artículo.",
        "En {orders} has vuelto sobre todo por {categories}, a unos {price} por artículo.",
        "En {orders} has vuelto sobre todo por {categories}, a menudo con {brand}.",
        "En {orders} has vuelto sobre todo por {categories}.",
        "Compras sobre todo {categories}, a menudo con {brand}.",
        "Compras sobre todo {categories}.",
        "Nos dijiste que te gusta {tastes}.",
        "Tus compras son todavía muy pocas para decir lo que te gusta.",
    ),
)
