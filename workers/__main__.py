"""`python -m workers`: a worker process."""

from __future__ import annotations

import asyncio

from shop.logs import configure_logging
from shop.settings import Settings
from workers.arq_app import serve


def main() -> None:
    settings = Settings()
    configure_logging(settings.stack)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
