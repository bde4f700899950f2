"""Turkish. Names stand without case endings: which one fits depends on how a foreign name is spoken."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

TURKISH = Wording(
    language="tr",
    units={
        "times": {"=2": "iki kez", "other": "{n} kez"},
        "shoppers_have": {"other": "{n} kişi"},
        "orders": {"other": "{n} sipariş"},
        "rhythm": {"=1": "her gün", "other": "yaklaşık {n} günde bir"},
        "days_ago": {"=0": "kısa süre önce", "other": "{n} gün önce"},
        "weeks_ago": {"=1": "yaklaşık bir hafta önce", "other": "yaklaşık {n} hafta önce"},
        "months_ago": {"=1": "yaklaşık bir ay önce", "other": "yaklaşık {n} ay önce"},
        "years_ago": {"=1": "yaklaşık bir yıl önce", "other": "yaklaşık {n} yıl önce"},
        "soon": {"other": "Yenisinin zamanı gelmiş olabilir"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "“{partner}” ile iyi gider: {shoppers_have} ikisini birlikte aldı.",
            "{shoppers_have} bunu “{partner}” ile birlikte aldı.",
            "“{partner}” yanına: {shoppers_have} ikisini aynı sepete koydu.",
            "“{partner}” için iyi bir eş: {shoppers_have} ikisini birlikte aldı.",
            "“{partner}” ile iyi gider; başka müşterilerin sepetleri bunu gösteriyor.",
        ),
        ReasonKind.SIMILAR_TO: (
            "“{partner}” adlı ürüne benziyor.",
            "“{partner}” ile aynı türden.",
            "“{partner}” adlı ürüne çok benziyor.",
            "“{partner}” yerine bir seçenek.",
        ),
        ReasonKind.SAME_CATEGORY: (
            "{label} bölümünden {times} alışveriş yaptınız.",
            "{label} bölümünden alışveriş yapıyorsunuz: şimdiye dek {times}.",
            "Daha önce {times} alışveriş yaptığınız {label} bölümünden.",
            "{label} bölümünden daha önce alışveriş yaptınız.",
            "Daha önce alışveriş yaptığınız {label} bölümünden.",
        ),
        ReasonKind.SAME_BRAND: (
            "{label} markasını daha önce {times} aldınız.",
            "Markası {label}; bu markayı {times} aldınız.",
            "Yine {label} markası: bu markayı {times} aldınız.",
            "Markası {label}; bu markayı daha önce aldınız.",
            "Daha önce aldığınız {label} markasından.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Sepetleri sizinkine benzeyen müşteriler bunu alıyor; toplam {shoppers_have} bu ürünü aldı.",
            "Sizin gibi alışveriş yapanların tercihi; toplam {shoppers_have} bu ürünü aldı.",
            "Zevki sizinkine benzeyenler bunu alıyor: toplam {shoppers_have} bu ürünü aldı.",
            "Sepetleri sizinkine benzeyen müşteriler bunu alıyor.",
        ),
        ReasonKind.TRENDING: (
            "Şu sıralar talep görüyor: her zamankinden çok satılıyor.",
            "Şu sıralar her zamankinden çok kişi bunu alıyor.",
            "Yükselişte: son zamanlarda her zamankinden çok satılıyor.",
            "Şu sıralar her zamankinden çok satılıyor.",
        ),
        ReasonKind.POPULAR: (
            "{shoppers_have} bu ürünü aldı.",
            "Bu mağazada seviliyor: {shoppers_have} bu ürünü aldı.",
            "Mağazanın gözdelerinden: {shoppers_have} bu ürünü aldı.",
            "Çok tutuluyor: {shoppers_have} bu ürünü aldı.",
            "Bu mağazada seviliyor.",
        ),
        ReasonKind.BUY_AGAIN: (
            "Bu ürünü {times} aldınız, en son {ago}.",
            "Bu ürünü tanıyorsunuz: {times} aldınız, en son {ago}.",
            "Daha önce {times} aldınız, en son {ago}.",
            "Bu ürünü daha önce {times} aldınız.",
            "Bu ürünü {ago} aldınız.",
            "Bu ürünü tanıyorsunuz: {ago} aldınız.",
            "Bu ürünü daha önce aldınız.",
        ),
        ReasonKind.DUE_AGAIN: (
            "{soon}: bu ürünü genelde {rhythm} alıyorsunuz.",
            "Bu ürünü genelde {rhythm} alıyorsunuz.",
            "Bu ürünü düzenli olarak alıyorsunuz.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "Bu ürüne {ago} baktınız.",
            "Hâlâ ilgileniyor musunuz? Bu ürüne {ago} baktınız.",
            "{ago} bu ürüne bakıyordunuz.",
            "Bu ürüne kısa süre önce baktınız.",
        ),
        ReasonKind.STATED_TASTE: (
            "Bize {label} sevdiğinizi söylediniz.",
            "{label} zevkinize göre.",
            "Çünkü bize {label} sevdiğinizi söylediniz.",
        ),
        ReasonKind.EXPLORATION: (
            "Keşfedilecek yeni bir şey: size göre mi, bize söyleyin.",
            "Bununla zevkinizi tanımaya çalışıyoruz.",
            "Küçük bir deneme: ilginizi çeker mi, bilmek istiyoruz.",
        ),
        ReasonKind.PROMOTED: (
            "Mağazamızın seçimi.",
            "Mağazamız bunu sizin için buraya koydu.",
            "Mağazanın kendi önerisi.",
        ),
        ReasonKind.CATALOGUE: (
            "{label} bölümünden, ürün yelpazemizde.",
            "{label} bölümündeki ürün yelpazemizden.",
            "Ürün yelpazemizden.",
        ),
    },
    opening="Bu liste için seçildi.",
    closings=(
        "Markası {brand}, bölümü {category}.",
        "{category} bölümünde, markası {brand}.",
        "{category} bölümünde, boyutu {size}.",
        "Markası {brand}, boyutu {size}.",
        "{category} bölümünde bulabilirsiniz.",
        "Markası {brand}.",
        "Boyutu {size}.",
    ),
    insights=(
        "En çok {categories} için geliyorsunuz, sık sık {brand} seçiyor ve ürün başına yaklaşık {price} ödüyorsunuz.",
        "En çok {categories} için geliyor ve ürün başına yaklaşık {price} ödüyorsunuz.",
        "En çok {categories} için geliyor ve sık sık {brand} seçiyorsunuz.",
        "En çok {categories} için geliyorsunuz.",
        "Bize {tastes} sevdiğinizi söylediniz.",
        "Alışverişlerinizden henüz çok azını gördük; neyi sevdiğinizi söyleyemiyoruz.",
    ),
)
