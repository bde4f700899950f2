"""Turkish. Names stand without case endings: which one fits depends on how a foreign name is spoken."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

TURKISH = Wording(
    language="tr",
    units={
        "times": {"=1": "bir kez", "=2": "iki kez", "other": "{n} kez"},
        "shoppers_have": {"other": "{n} kişi"},
        "purchases": {"other": "{n} alışveriş"},
        "orders": {"other": "{n} sipariş"},
        "rhythm": {"=1": "her gün", "other": "yaklaşık {n} günde bir"},
        "days_ago": {"=0": "bir günden kısa süre önce", "other": "{n} gün önce"},
        "weeks_ago": {"=1": "yaklaşık bir hafta önce", "other": "yaklaşık {n} hafta önce"},
        "months_ago": {"=1": "yaklaşık bir ay önce", "other": "yaklaşık {n} ay önce"},
        "years_ago": {"=1": "yaklaşık bir yıl önce", "other": "yaklaşık {n} yıl önce"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "“{partner}” alanlar çoğu zaman bunu da aldı: {times}, yani tesadüfün vereceğinin {factor} katı.",
            "“{partner}” ile birlikte gidiyor: {times} birlikte alındılar, tesadüfe göre {factor} kat sık.",
            "“{partner}” ve bu ürün {times} birlikte alındı; bu, tesadüfün vereceğinin {factor} katı.",
            "“{partner}” alanlar bu ürünü diğerlerinden {factor} kat sık aldı.",
            "“{partner}” alanlar bunu da aldı: {times} birlikte alındılar.",
            "“{partner}” ve bu ürün {times} birlikte alındı.",
            "“{partner}” alanlar bu ürünü de aldı.",
        ),
        ReasonKind.SIMILAR_TO: (
            "“{partner}” adlı ürüne benziyor: bildiklerimize göre {percent} oranında örtüşüyorlar.",
            "Türü “{partner}” adlı ürüne yakın, örtüşme oranı {percent}.",
            "“{partner}” adlı ürünle ortak yanları var; ürün bilgileri {percent} oranında örtüşüyor.",
            "“{partner}” adlı ürüne benziyor.",
        ),
        ReasonKind.SAME_CATEGORY: (
            "{label} bölümünden {times} alışveriş yaptınız.",
            "{label} bildiğiniz bir bölüm: oradan {times} ürün aldınız.",
            "{label} bölümünden {times} seçim yaptınız, bu ürün de oraya ait.",
            "{label} bölümüne ait; alışverişleriniz bu yönü gösteriyor.",
        ),
        ReasonKind.SAME_BRAND: (
            "{label} markasını {times} aldınız, bu ürün de aynı markadan.",
            "{label} bildiğiniz bir marka: {times} aldınız.",
            "Markası {label}; bu markayı {times} aldınız.",
            "Markası {label}; alışverişleriniz bu yönü gösteriyor.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Alışkanlıkları sizinkine benzeyen müşteriler bunu alıyor; toplam {shoppers_have} bu ürünü aldı.",
            "Sepetleri sizinkine benzeyen müşterilerin tercihi, ve toplam {shoppers_have} bu ürünü aldı.",
            "Sizin gibi alışveriş yapanlar bunu alıyor, ve toplam {shoppers_have} bu ürünü aldı.",
            "Alışkanlıkları sizinkine benzeyen müşteriler bunu alıyor.",
        ),
        ReasonKind.TRENDING: (
            "Şu sıralar talep görüyor: her zamanki düzeyinin {factor} katı.",
            "Talep son zamanlarda her zamankinin {factor} katına çıktı.",
            "Şu sıralar yükselişte, her zamanki satışının {factor} katında.",
            "Mağazada şu sıralar yükselişte.",
        ),
        ReasonKind.POPULAR: (
            "Burada seviliyor: {shoppers_have} bu ürünü aldı.",
            "{shoppers_have} bu ürünü aldı; mağazanın sevilen ürünlerinden biri.",
            "Başkaları onu biliyor: {shoppers_have} bu ürünü aldı.",
            "Mağazanın sevilen ürünlerinden biri.",
        ),
        ReasonKind.BUY_AGAIN: (
            "Bu ürünü {times} aldınız, en son {ago}.",
            "Bu ürün {times} sepetinizdeydi, en son {ago}.",
            "Bu ürünü biliyorsunuz: {times} aldınız, en son {ago}.",
            "Bu ürünü daha önce {times} aldınız.",
            "Bu ürünü {ago} aldınız.",
            "Bu ürünü daha önce aldınız.",
        ),
        ReasonKind.DUE_AGAIN: (
            "Bu ürünü {rhythm} alıyorsunuz.",
            "Bu ürünü tekrar tekrar alıyorsunuz.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "Bu ürüne {ago} baktınız.",
            "Bu ürünü {ago} incelediniz, bu yüzden yine burada.",
            "Baktığınız ürünlerden biri, {ago}.",
            "Bu ürüne kısa süre önce baktınız.",
        ),
        ReasonKind.STATED_TASTE: (
            "Bize {label} sevdiğinizi söylediniz, bu da buna uyuyor.",
            "Kendi belirttiğiniz {label} zevkinize uyuyor.",
            "Zevkleriniz arasında {label} belirttiniz, bu ürün de buna ait.",
        ),
        ReasonKind.EXPLORATION: (
            "Bu bir deneme; listeniz neyi sevdiğinizi öğrensin diye burada, seçilme olasılığı {percent} idi.",
            "Bu, sizin değerlendirmeniz için bir fikir, {percent} olasılıkla seçildi.",
            "Bu bir deneme: ilginizi çekip çekmediğini görmek için {percent} olasılıkla seçildi.",
            "Bu bir deneme; listeniz neyi sevdiğinizi öğrensin diye burada.",
        ),
        ReasonKind.PROMOTED: (
            "Bu yer için bu ürünü mağaza seçti.",
            "Bu, mağazanın kendi seçimi.",
            "Mağaza onu buraya koydu.",
        ),
    },
    opening="Bu listenin seçtiği ürünlerden biri.",
    closings=(
        "Markası {brand}, bulunduğu bölüm {category}.",
        "Bulunduğu bölüm {category}, boyutu {size}.",
        "Boyutu {size}, etiketinde {brand} yazıyor.",
        "Bulunduğu bölüm {category}.",
        "Boyutu {size}.",
        "Markası {brand}.",
        "Ayrıntılar ürün sayfasında.",
    ),
    insights=(
        "Toplam {orders} boyunca en çok {categories} için geldiniz, sık sık {brand} seçtiniz ve ürün başına yaklaşık {price} ödediniz.",
        "Toplam {orders} boyunca en çok {categories} için geldiniz ve ürün başına yaklaşık {price} ödediniz.",
        "Toplam {orders} boyunca en çok {categories} için geldiniz ve sık sık {brand} seçtiniz.",
        "Toplam {orders} boyunca en çok {categories} için geldiniz.",
        "En çok {categories} alıyor, sık sık {brand} seçiyorsunuz.",
        "En çok {categories} alıyorsunuz.",
        "Bize {tastes} sevdiğinizi söylediniz.",
        "Neyi sevdiğinizi söylemek için alışverişleriniz henüz çok az.",
    ),
)
