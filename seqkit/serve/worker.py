"""The one thread that runs models: it joins the requests of many clients into batches.

While a batch is answered, those that arrive wait, and are the next batch: nobody waits for company when there is none.
Between two batches every text that is being written gets one more piece.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from seqkit.serve.limits import Limits
from seqkit.serve.problem import Problem, overloaded
from seqkit.serve.served import Served

_WINDOW = 0.002
"""Seconds in which a batch is gathered while several clients ask at once"""
_TOGETHER = 256
"""Inputs that are answered together, at most: what arrives meanwhile should not wait long."""
_END = object()


@dataclass(eq=False)
class _Question:
    """The inputs of a request, and where their answers go."""

    served: Served
    values: Sequence[Any]
    options: Mapping[str, Any]
    future: asyncio.Future[Any]
    items: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class _Text:
    """A text that is being written."""

    pieces: Callable[[], Iterator[str]]
    pending: asyncio.Queue[Any]
    stopped: bool = False
    iterator: Iterator[str] | None = None


class Worker:
    """Runs models in a thread of its own; its methods are awaited in the event loop that made it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waiting = 0
        """Inputs that have been taken and not answered"""
        self.batches, self.batched = 0, 0
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._questions: deque[_Question] = deque()
        self._calls: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._texts: list[_Text] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="seqkit-model", daemon=True)
        self._thread.start()

    async def ask(self, served: Served, values: Sequence[Any], options: Mapping[str, Any]) -> list[Any]:
        """An answer for each value, None for one with nothing in it.

        Raises :class:`Problem` where too many wait, and what the model says of values that it cannot read.
        """
        if self.waiting + len(values) > self.limits.waiting:
            raise overloaded("too many requests are waiting")
        question = _Question(served, values, options, self._loop.create_future())
        self.waiting += len(values)
        try:
            with self._changed:
                self._questions.append(question)
                self._changed.notify()
            answers: list[Any] = await question.future
            return answers
        finally:
            self.waiting -= len(values)

    async def call(self, function: Callable[[], Any]) -> Any:
        """The result of a function that uses a model."""
        if len(self._calls) >= self.limits.waiting:
            raise overloaded("too many requests are waiting")
        future: asyncio.Future[Any] = self._loop.create_future()
        with self._changed:
            self._calls.append((function, future))
            self._changed.notify()
        return await future

    async def write(self, pieces: Callable[[], Iterator[str]]) -> AsyncIterator[str]:
        """The pieces of a text, each as soon as it is drawn; the text ends when nobody reads on."""
        if len(self._texts) >= self.limits.generations:
            raise overloaded("too many texts are being written")
        text = _Text(pieces, asyncio.Queue())
        with self._changed:
            self._texts.append(text)
            self._changed.notify()
        try:
            while (piece := await text.pending.get()) is not _END:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            text.stopped = True

    async def stop(self) -> None:
        """Ends the thread once everything that was taken is answered."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join, self.limits.seconds)

    def _run(self) -> None:
        gathered = 0
        while True:
            with self._changed:
                while not (self._questions or self._calls or self._texts):
                    if self._stopping:
                        return
                    self._changed.wait()
            if gathered > 1 and not self._texts:
                # Where several have just asked at once, the others of them are about to ask again.
                time.sleep(_WINDOW)
            with self._changed:
                questions, calls, texts = self._take(), [*self._calls], [*self._texts]
                self._calls.clear()
            gathered = len(questions)
            self._deliver(_answered(questions))
            if questions:
                self.batches, self.batched = self.batches + 1, self.batched + sum(len(q.values) for q in questions)
            for function, future in calls:
                self._deliver([(future, _outcome(function))])
            for text in texts:
                self._advance(text)

    def _take(self) -> list[_Question]:
        taken, count = list[_Question](), 0
        while self._questions and (not taken or count + len(self._questions[0].values) <= _TOGETHER):
            question = self._questions.popleft()
            if not question.future.cancelled():
                taken.append(question)
                count += len(question.values)
        return taken

    def _advance(self, text: _Text) -> None:
        """One more piece of a text."""
        piece: Any = _END
        if not text.stopped:
            try:
                text.iterator = text.pieces() if text.iterator is None else text.iterator
                piece = next(text.iterator, _END)
            except Exception as error:  # any: it is raised where the text is read
                piece = error
            self._soon(text.pending.put_nowait, piece)
        if not isinstance(piece, str):
            with self._changed:
                self._texts.remove(text)

    def _deliver(self, outcomes: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
        if outcomes:
            self._soon(_settle, outcomes)

    def _soon(self, function: Callable[..., Any], argument: Any) -> None:
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, argument)


def _settle(outcomes: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in outcomes:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _outcome(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:  # any: it is raised where the result is awaited
        return error


def _answered(questions: Sequence[_Question]) -> list[tuple[asyncio.Future[Any], Any]]:
    """The outcome of each question; those of one model and the same options are answered together."""
    outcomes: list[tuple[asyncio.Future[Any], Any]] = []
    alike: dict[Any, list[_Question]] = {}
    for question in questions:
        prepared = _outcome(partial(_prepare, question))
        if isinstance(prepared, Exception):
            outcomes.append((question.future, prepared))
        else:
            key = (id(question.served), tuple(sorted(question.options.items())))
            alike.setdefault(key, []).append(question)
    for group in alike.values():
        outcomes += _answer_together(group)
    return outcomes


def _prepare(question: _Question) -> None:
    for number, value in enumerate(question.values, 1):
        try:
            question.items.append(question.served.prepare(value))
        except Problem as problem:
            where = f"input {number}: " if len(question.values) > 1 else ""
            raise Problem(problem.status, f"{where}{problem.sentence}", problem.headers) from None


def _answer_together(group: Sequence[_Question]) -> list[tuple[asyncio.Future[Any], Any]]:
    served, options = group[0].served, group[0].options
    items = [item for question in group for item in question.items if item is not None]
    found = _outcome(lambda: iter(served.answer(items, options) if items else []))
    if isinstance(found, Exception):
        # One that cannot be answered must not cost the others their answers.
        if len(group) == 1:
            return [(group[0].future, found)]
        return [outcome for question in group for outcome in _answer_together([question])]
    return [(q.future, [None if item is None else next(found) for item in q.items]) for q in group]
