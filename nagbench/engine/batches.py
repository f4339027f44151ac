"""Many cells as columns: what they share once, and arrays of what differs. A sweep never holds its cells one by one."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, overload

import numpy as np

from nagbench.core.canonical import canonical
from nagbench.core.keys import Keys
from nagbench.core.messages import register
from nagbench.engine.records import Cell
from nagbench.optimizers import schedules
from nagbench.problems.problem import Floats, Ints

# In place of numbers: no text of a cell holds these.
_SEED, _START = "\0s", "\0t"


@dataclass(frozen=True, eq=False)
class Batch(Sequence[Cell]):
    """Cells that differ in hyperparameters, start and seed alone.

    Parameters
    ----------
    template
        Any of the cells.
    names
        Names of the hyperparameters in the algorithm's order, the columns of ``hypers``.
    hypers : ndarray of shape (cells, hyperparameters)
        Their values.
    starts, seeds : ndarray of int, shape (cells,)
        Start and seed of each cell.
    schedule
        Words and numbers of the schedules that all the cells follow.
    """

    template: Cell
    names: tuple[str, ...]
    hypers: Floats
    starts: Ints
    seeds: Ints
    schedule: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of cells."""
        return self.starts.size

    @overload
    def __getitem__(self, at: int) -> Cell: ...
    @overload
    def __getitem__(self, at: slice) -> Batch: ...
    def __getitem__(self, at: int | slice) -> Cell | Batch:
        """Return one cell, or the batch of a slice."""
        if isinstance(at, slice):
            return self.take(at)
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        values = dict(zip(self.names, self.hypers[at].tolist(), strict=True))
        values |= self.schedule
        return replace(self.template, hyperparameters=values, start=int(self.starts[at]), seed=int(self.seeds[at]))

    def take(self, rows: Any) -> Batch:
        """Return the batch of the cells that a slice, indices or a mask select."""
        taken = Batch(self.template, self.names, self.hypers[rows], self.starts[rows], self.seeds[rows], self.schedule)
        if "digests" in vars(self):
            taken.set_digests(np.frombuffer(self.digests, ">u8")[rows].tobytes())
        return taken

    def set_digests(self, digests: bytes) -> None:
        """Set the keys, if they were computed before; see `digests`."""
        vars(self)["digests"] = digests

    @functools.cached_property
    def digests(self) -> bytes:
        """The keys of the cells, eight bytes each, one after the other. Computed from the columns, without making cells."""
        form, order = self._form
        columns = [_written(self.hypers[:, column]) for column in order]
        rows = zip(*columns, self.seeds.tolist(), self.starts.tolist(), strict=True)
        hashed = hashlib.blake2b
        return b"".join([hashed(form % row, digest_size=8).digest() for row in rows])

    @functools.cached_property
    def _form(self) -> tuple[bytes, list[int]]:
        """The canonical JSON of a cell with places for hyperparameters, seed and start, and the columns of the former."""
        marks = {name: f"\0{i}" for i, name in enumerate(self.names)}
        content = {field.name: getattr(self.template, field.name) for field in fields(Cell)}
        content |= {"hyperparameters": {**marks, **self.schedule}, "seed": _SEED, "start": _START}
        form = canonical(content).replace("%", "%%")
        for mark, place in {**dict.fromkeys(marks.values(), "%b"), _SEED: "%d", _START: "%d"}.items():
            form = form.replace(canonical(mark), place)
        return form.encode(), [self.names.index(name) for name in sorted(self.names)]

    @property
    def ids(self) -> Keys:
        """The keys as numbers."""
        return np.frombuffer(self.digests, ">u8").astype(np.uint64)

    @property
    def keys(self) -> list[str]:
        """The keys as `Cell.key` gives them."""
        text = self.digests.hex()
        return [text[at : at + 16] for at in range(0, len(text), 16)]


def _to_data(batch: Batch) -> dict[str, Any]:
    data = {field.name: getattr(batch, field.name) for field in fields(Batch)}
    return {"fields": data, "digests": vars(batch).get("digests")}


def _from_data(data: Mapping[str, Any]) -> Batch:
    batch = Batch(**data["fields"])
    if data["digests"] is not None:
        batch.set_digests(data["digests"])
    return batch


register(Batch, _to_data, _from_data)


def _written(column: Floats) -> list[bytes]:
    """Return the numbers as JSON writes them. Each number is written once: in a sweep, settings recur at every start."""
    words, where = np.unique(np.ascontiguousarray(column).view(np.int64), return_inverse=True)
    numbers = words.view(np.float64).tolist()
    texts = np.array([b"NaN" if number != number else repr(number).encode() for number in numbers], object)
    written: list[bytes] = texts[where].tolist()
    return written


def batch_of(cells: Sequence[Cell], names: Sequence[str]) -> Batch:
    """Return cells as columns.

    Parameters
    ----------
    cells
        Cells that differ in hyperparameters, start and seed alone.
    names
        Names of the hyperparameters in the algorithm's order.

    Returns
    -------
    Batch
        The same cells; a batch as it is.

    Raises
    ------
    ValueError
        If they do not follow the same schedules.
    """
    if isinstance(cells, Batch):
        return cells
    hypers = np.array([[cell.hyperparameters[name] for name in names] for cell in cells], dtype=np.float64)
    starts, seeds = (np.array([getattr(cell, name) for cell in cells], dtype=np.int64) for name in ("start", "seed"))
    shared = schedules.extract_schedules(cells[0].hyperparameters)
    if any(schedules.extract_schedules(cell.hyperparameters) != shared for cell in cells):
        raise ValueError("cells of one batch follow the same schedules")
    return Batch(cells[0], tuple(names), hypers.reshape(len(cells), len(names)), starts, seeds, shared)


def split_batch(batch: Batch, most: int) -> Iterator[Batch]:
    """Yield the batch in pieces of at most ``most`` cells."""
    for at in range(0, len(batch), most):
        yield batch if len(batch) <= most else batch[at : at + most]
