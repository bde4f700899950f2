"""Ranked lists as JSON lines, to be scored again by anybody's own program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import orjson

from shop.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from devstack.evaluation.lists import Lists
    from scoring.evaluation.splitting import EvaluationCases


class Dump:
    """One line per model, seed and user. The file takes its name when the `with` block is left without an error.

    Raises BadInputError when the path cannot be written.
    """

    def __init__(self, path: Path, users: Sequence[str], products: Sequence[str]) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._users = users
        self._products = products
        try:
            self._file = self._part.open("wb")
        except OSError as error:
            raise BadInputError(f"{path} cannot be written: {error.strerror or error}.") from error

    def add(self, model: str, seed: int, cases: EvaluationCases, lists: Lists) -> None:
        products = self._products
        for row, user in enumerate(cases.users.tolist()):
            kept = lists.items[row] >= 0
            held_out = cases.held_out[cases.held_out_starts[row] : cases.held_out_starts[row + 1]]
            line = {
                "model": model,
                "seed": seed,
                "user": self._users[user],
                "held": [products[item] for item in held_out.tolist()],
                "ranked": [products[item] for item in lists.items[row][kept].tolist()],
                "scores": lists.scores[row][kept].tolist(),
            }
            self._file.write(orjson.dumps(line) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)
