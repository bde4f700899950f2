"""The configuration of the stack's processes: settings with the addresses filled in, and the environment of a child."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devstack.stack.data_dir import DataDir
    from shop.settings import Settings


def connected(settings: Settings, data: DataDir, mongo_uri: str, redis_url: str) -> Settings:
    """The same settings, with the databases filled in and the models in the data folder."""
    named = "cache_dir" in settings.model.model_fields_set
    return with_signing_keys(settings, data).model_copy(
        update={
            "mongo": settings.mongo.model_copy(update={"uri": mongo_uri}),
            "redis": settings.redis.model_copy(update={"url": redis_url}),
            "model": settings.model if named else settings.model.model_copy(update={"cache_dir": data.models}),
        }
    )


def with_signing_keys(settings: Settings, data: DataDir) -> Settings:
    """In development, tokens can be signed without any setting: the data folder keeps the keys."""
    if settings.auth.signing_keys is not None or settings.stack.env != "development":
        return settings
    auth = settings.auth.model_copy(update={"signing_keys": data.signing_keys()})
    return settings.model_copy(update={"auth": auth})


def child_environment(settings: Settings, data: DataDir) -> dict[str, str]:
    """What a child process needs to know beside its inherited environment; `settings` are connected ones."""
    return {
        "MONGODB_URI": settings.mongo.uri or "",
        "REDIS_URL": settings.redis.url or "",
        "MODEL_CACHE_DIR": str(settings.model.cache_dir),
        "WHYBUY_DATA_DIR": str(data.root),
        "AUTH_SIGNING_KEYS": str(settings.auth.signing_keys.resolve()) if settings.auth.signing_keys else "",
        "PYTHONUNBUFFERED": "1",
        # Small matrix products: waking a second thread costs more than it brings, and training ran 3 times slower.
        "OPENBLAS_NUM_THREADS": "1",
    }
