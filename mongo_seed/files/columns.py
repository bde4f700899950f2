"""Whose columns a file has, and how its records become rows of ours: by name, by renaming, or by a preset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mongo_seed.files import presets
from mongo_seed.files.fields import with_decimal_point
from mongo_seed.files.options import did_you_mean, format_names
from mongo_seed.files.presets.cells import rounded
from shop.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mongo_seed.files.options import ReadOptions, Table
    from mongo_seed.files.presets.preset import Preset

Values = dict[str, Any]

# Written into a rejects file beside the row; ignored when a mended rejects file is imported.
REJECT_COLUMNS = ("line", "reason")
AS_READ = "as read"  # of a row: what an option has changed, as it was; no column of ours has a space
_NUMBERS = ("price", "quantity", "rating")
_SHOWN = 12


class Columns:
    """`names` are those in a header, or the keys of the first JSON record. `ignored` are names that mean nothing here.

    Raises BadInputError for a format that does not exist.
    """

    def __init__(self, names: Sequence[str], table: Table, options: ReadOptions) -> None:
        self.ignored: dict[str, None] = {}
        self._table = table
        self._renamed = {ours: theirs for ours, theirs in options.renamed.items() if ours in table.readable}
        self._sources = {column: column for column in table.readable} | self._renamed
        self._plain = not self._renamed
        self._known = frozenset(self._sources.values())
        self._noted = set(self._known)
        self._present = frozenset(names)
        self._decimal_comma = options.decimal_comma
        self._currency = options.currency
        self.preset = self._preset(names, options.format)
        reader = self.preset.reader() if self.preset else None
        self._translate = reader if callable(reader) else None
        self.gatherer = None if callable(reader) else reader

    def _preset(self, names: Collection[str], wanted: str) -> Preset | None:
        if wanted not in format_names():
            raise BadInputError(f"There is no format {wanted!r}. Formats: {', '.join(format_names())}.")
        candidates = [preset for preset in presets.PRESETS if preset.table == self._table.name]
        named = [preset for preset in candidates if preset.name == wanted]
        if named or wanted == "native":
            return named[0] if named else None
        # Before our own names: a feed of another program may have an `id` too, and says more by its other columns. What
        # `--map` gives a name of ours tells nothing.
        telling = frozenset(names) - frozenset(self._renamed.values())
        return next((preset for preset in candidates if preset.recognises(telling)), None)

    def missing(self, names: Collection[str]) -> tuple[str, ...]:
        """The first group of our columns of which one should be there, and none is."""
        absent = (
            group for group in self._table.required if not any(self._sources[column] in names for column in group)
        )
        return next(absent, ())

    def check_header(self, names: Sequence[str]) -> None:
        """Raises BadInputError for a header without what is needed. Notes the columns that will be ignored."""
        if self.preset:
            return
        for name in names:
            if name in self._known and names.count(name) > 1:
                raise BadInputError(f"the column {name!r} is there twice.")
        self._ignore(names)
        if group := self.missing(names):
            raise BadInputError(self._missing_text(group))

    def _missing_text(self, group: tuple[str, ...]) -> str:
        wanted = " or ".join(repr(column) for column in group)
        mapped = [f"--map {ours}={self._renamed[ours]}" for ours in group if ours in self._renamed]
        if mapped:
            hint = f"{mapped[0]} names a column that is not there."
        else:
            hint = self._hint(group) or "If it has another name, say --map OURS=THEIRS."
        found = ", ".join(sorted(filter(None, self._present))[:_SHOWN])
        known = ", ".join(self._table.readable)
        return f"the column {wanted} is missing. {hint} The file has: {found}. Columns here: {known}."

    def _hint(self, wanted: Sequence[str]) -> str:
        """Which ignored column may be one of those that are wanted."""
        for name in self.ignored:
            if close := did_you_mean(name, wanted):
                return f"Did you mean {close!r} by {name!r}? Then say --map {close}={name}."
        return ""

    def _ignore(self, names: Iterable[str]) -> None:
        for name in names:
            if name and name not in self._known and name not in REJECT_COLUMNS and len(self.ignored) < _SHOWN:
                self.ignored[name] = None
            self._noted.add(name)

    def ignored_text(self) -> str:
        """Says which columns are ignored, and what they might have been meant to be. Empty when there are none."""
        if not self.ignored:
            return ""
        hint = self._hint([column for column, theirs in self._sources.items() if theirs not in self._present])
        more = " and maybe others" if len(self.ignored) == _SHOWN else ""
        return f"Ignored: {', '.join(self.ignored)}{more}.{' ' * bool(hint)}{hint}"

    def rows(self, record: Values) -> list[Values]:
        """Rows with our columns. Raises RowError."""
        if self._translate is None:
            rows = [self._own(record)]
        else:
            rows = [{**row, **self._more(record)} for row in self._translate(record)]
        return [self._with_options(row) for row in rows]

    def product(self, id_: str, records: Sequence[Values]) -> Values:
        """The row of a product that came as these records, from `gatherer`. Raises RowError."""
        row = self.gatherer.row(id_, records) if self.gatherer else {}
        for record in reversed(records):
            row.update(self._more(record))
        return self._with_options(row)

    def _more(self, record: Values) -> Values:
        return {ours: record[theirs] for ours, theirs in self._renamed.items() if record.get(theirs)}

    def _with_options(self, row: Values) -> Values:
        """What options change is kept as it was: no option may make another event of a row."""
        changed: Values = {}
        if self._currency and "price" in row and not row.get("currency"):
            changed["currency"] = self._currency
        if self._decimal_comma:
            changed |= {name: with_decimal_point(row[name]) for name in _NUMBERS if name in row}
        if self.preset and self.preset.rounds and row.get("price"):
            currency = changed.get("currency") or row.get("currency") or "USD"
            changed["price"] = rounded(changed.get("price", row["price"]), currency)
        if not changed:
            return row
        return {**row, **changed, AS_READ: {name: row.get(name) for name in changed}}

    def leave_as_they_are(self, names: Sequence[str]) -> bool:
        """Whether `rows` gives back records of these columns as they are: most files, at half the cost."""
        changed = self.preset or self._decimal_comma or self._currency
        return self._plain and not changed and self._known.issuperset(names)

    def _own(self, record: Values) -> Values:
        if self._plain and record.keys() <= self._known:
            return record
        if len(self.ignored) < _SHOWN and not record.keys() <= self._noted:
            self._ignore(record)
        return {ours: record[theirs] for ours, theirs in self._sources.items() if theirs in record}


def check_renamed(renamed: Mapping[str, str], tables: Sequence[Table]) -> None:
    """Raises BadInputError when `--map` names a column that none of the tables has."""
    known = [column for table in tables for column in table.readable]
    for ours, theirs in renamed.items():
        if ours not in known:
            close = did_you_mean(ours, known)
            hint = f" Did you mean {close!r}?" if close else f" Columns: {', '.join(dict.fromkeys(known))}."
            raise BadInputError(f"--map {ours}={theirs}: there is no column {ours!r}; write ours first.{hint}")
