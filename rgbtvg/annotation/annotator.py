"""Lighting and referring expressions for records, asked of a vision-language model."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rgbtvg.annotation.acceptance import MAX_WORDS, MIN_WORDS, Rejected, parse_expression, parse_lighting
from rgbtvg.annotation.journal import Journal
from rgbtvg.annotation.prompts import (
    BOX_MODES,
    PROMPTS,
    correction_turns,
    expression_turns,
    lighting_turns,
)
from rgbtvg.datasets.canonical import category_of
from rgbtvg.datasets.conditions import condition_name
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.models.general.client import NoAnswer, Stopped, Turn, VisionLanguageModel

Record = dict[str, Any]

GIVE_UP_AFTER = 5
"""Rows without an answer, one after another, after which the endpoint counts as gone."""


@dataclass(frozen=True)
class AnnotationSettings:
    """Settings of an annotation run.

    Args:
        tasks: of ``'lighting'`` (one answer per image, for all of its rows) and ``'expression'`` (one per record).
        box: how the prompt says which object is meant, one of `BOX_MODES`.
        thermal: show the thermal image beside RGB.
        attempts: questions per row; after the first, the model hears why its answer was refused.
        min_words, max_words: of an expression.
        small_area: boxes of fewer square pixels of the image file get the size label ``'small'``. The benchmark never
            said what it calls small; this is COCO's threshold, and the rule is written into every row.

    Raises:
        ConfigError: an unknown task or box mode.
    """

    tasks: tuple[str, ...] = ("lighting", "expression")
    box: str = "both"
    thermal: bool = False
    attempts: int = 3
    min_words: int = MIN_WORDS
    max_words: int = MAX_WORDS
    small_area: float = 32.0**2

    def __post_init__(self) -> None:
        unknown = [task for task in self.tasks if task not in PROMPTS]
        if unknown or not self.tasks:
            raise ConfigError(f"tasks must be of {', '.join(PROMPTS)}, got {', '.join(unknown) or 'none'}")
        if self.box not in BOX_MODES:
            raise ConfigError(f"box must be one of {', '.join(BOX_MODES)}, got {self.box!r}")
        if self.attempts < 1:
            raise ConfigError(f"attempts must be at least 1, got {self.attempts}")


@dataclass(frozen=True)
class Question:
    """One thing to ask: the light of an image, or an expression for a record. `key` names it in the journal."""

    task: str
    key: str
    record: Record

    def turns(self, settings: AnnotationSettings) -> list[Turn]:
        """The conversation that starts it; reads the images."""
        if self.task == "lighting":
            return lighting_turns(self.record)
        return expression_turns(self.record, settings.box, settings.thermal)

    def parse(self, answer: str, settings: AnnotationSettings) -> int | str:
        """The value of an answer.

        Raises:
            Rejected: it breaks a rule.
        """
        if self.task == "lighting":
            return parse_lighting(answer)
        return parse_expression(answer, category_of(self.record), settings.min_words, settings.max_words)


@dataclass
class AnnotationResult:
    """Result of an annotation run.

    Attributes:
        records: accepted, in the order of the input, with ``extra['annotation']`` saying where each label comes from.
        rejected: records whose every answer was refused; ``extra['annotation']`` holds the last answer and its reason.
        unanswered: sample ids that have no answer yet.
        reasons: refused answers by task and reason, first attempts and later ones alike.
        problem: why the last row without answer has none.
    """

    records: list[Record] = field(default_factory=list)
    rejected: list[Record] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    reasons: dict[str, Counter] = field(default_factory=dict)
    problem: str = ""


def make_questions(
    records: Sequence[Record], settings: AnnotationSettings, image_root: str | Path = ""
) -> list[Question]:
    """Requests for records, in their order; one about the lighting per image.

    A question's key follows from what it is about, so that records may be added between two runs. Images count by
    their path from `image_root`.

    Raises:
        DataError: an expression is wanted for a record without a box, or with several; two records share an id.
    """
    questions: dict[str, Question] = {}
    for record in records:
        for task in settings.tasks:
            question = Question(task, _key(task, record, image_root), record)
            if task == "expression":
                if len(record["boxes"]) != 1:
                    raise DataError(f"{record['sample_id']} has {len(record['boxes'])} boxes, an expression needs one")
                if question.key in questions:
                    raise DataError(f"the sample id {record['sample_id']} stands twice; ids must be unique")
            questions.setdefault(question.key, question)
    return list(questions.values())


def annotate(
    records: Sequence[Record],
    model: VisionLanguageModel,
    journal_path: str | Path,
    settings: AnnotationSettings | None = None,
    image_root: str | Path = "",
    concurrency: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> AnnotationResult:
    """Ask about every record that the journal has no answer for, and put the answers into the records.

    Every answer, also a refused one, is in the journal (and durable) before the next question of its row. Whatever ends
    the run, the next one over the same journal goes on behind it: an answered row is never asked again, a row with
    refused answers gets only its remaining attempts.

    Args:
        records: with ``extra['category']`` and one box each, where expressions are wanted.
        model: who answers.
        journal_path: file of the answers; made where it does not exist.
        settings: see there.
        image_root: folder that the journal names images from, so that it may be moved together with them.
        concurrency: questions under way at a time.
        progress: called with (finished, all) questions after each.

    Raises:
        ConfigError: the endpoint refuses every request.
        DataError: a record is unfit, or the journal belongs to other settings; see :class:`Journal`.
    """
    settings = settings or AnnotationSettings()
    questions = make_questions(records, settings, image_root)
    with Journal(journal_path, _journal_settings(model, settings)) as journal:
        run = _Run(model, journal, settings)
        pending = [question for question in questions if not _is_finished(run.answers[question.key], settings)]
        run.ask_all(pending, concurrency, progress, len(questions))
        keys = {task: [_key(task, record, image_root) for record in records] for task in settings.tasks}
        return _assemble(records, keys, run.answers, settings, run.problem)


class _Run:
    """The threads of one run and what they share."""

    def __init__(self, model: VisionLanguageModel, journal: Journal, settings: AnnotationSettings) -> None:
        self.model = model
        self.journal = journal
        self.settings = settings
        self.answers: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.problem = ""
        self._failures = 0
        self._lock = threading.Lock()
        for entry in journal.entries:
            self.answers[entry["key"]].append(entry)

    def ask_all(
        self,
        questions: Sequence[Question],
        concurrency: int,
        progress: Callable[[int, int], None] | None,
        total: int,
    ) -> None:
        finished = total - len(questions)
        progress = progress or (lambda *_: None)
        progress(finished, total)
        pool = ThreadPoolExecutor(max(concurrency, 1))
        try:
            for future in as_completed([pool.submit(self._ask_or_stop, question) for question in questions]):
                future.result()
                finished += 1
                progress(finished, total)
        finally:
            # Answers under way are waited for: they cost as much as others and belong into the journal.
            self.model.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _ask_or_stop(self, question: Question) -> None:
        """Send one request; after a fatal error the remaining requests are skipped."""
        try:
            self._ask(question)
        except BaseException:
            self.model.stop.set()
            raise

    def _ask(self, question: Question) -> None:
        entries = self.answers[question.key]
        try:
            turns = question.turns(self.settings)
        except DataError as error:
            self.problem = str(error)
            return
        for entry in entries:
            turns += correction_turns(entry["answer"], entry["rejected"])
        while not _is_finished(entries, self.settings):
            try:
                answer = self.model.answer(turns)
            except Stopped:
                return
            except NoAnswer as error:
                self._note_failure(question, error)
                return
            self._failures = 0
            entry = self._judge(question, answer.text, answer.is_complete, len(entries) + 1)
            self.journal.append(entry)
            entries.append(entry)
            if entry["rejected"]:
                turns += correction_turns(entry["answer"], entry["rejected"])

    def _judge(self, question: Question, text: str, is_complete: bool, attempt: int) -> dict[str, Any]:
        value, rejected = None, None
        try:
            if not is_complete:
                raise Rejected("it was cut off")
            value = question.parse(text, self.settings)
        except Rejected as reason:
            rejected = str(reason)
        return {
            "key": question.key,
            "value": value,
            "rejected": rejected,
            "answer": text,
            "attempt": attempt,
            "model": self.model.name,
            "host": self.model.host,
            "prompt": PROMPTS[question.task].label,
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }

    def _note_failure(self, question: Question, error: NoAnswer) -> None:
        with self._lock:
            self.problem = str(error)
            self._failures += 1
            if self._failures >= GIVE_UP_AFTER:
                raise ConfigError(
                    f"{self._failures} rows in a row got no answer, the last one {question.record['sample_id']}: "
                    f"{error}; what is answered is kept, run the command again when the endpoint is back"
                )


def _key(task: str, record: Record, image_root: str | Path) -> str:
    """Task, id, and a digest of what the answer depends on."""
    path = record["image_paths"].get("rgb") or record["image_paths"].get("ir")
    image = Path(os.path.relpath(path, image_root or os.curdir)).as_posix()
    if task == "lighting":
        return f"lighting {image}"
    about = json.dumps([image, record["boxes"], category_of(record)])
    return f"expression {record['sample_id']} {hashlib.sha256(about.encode()).hexdigest()[:12]}"


def _journal_settings(model: VisionLanguageModel, settings: AnnotationSettings) -> dict[str, Any]:
    """Settings that responses depend on; the number of attempts and the tasks may change between runs."""
    kept = {name: value for name, value in asdict(settings).items() if name not in ("tasks", "attempts", "small_area")}
    prompts = {f"{name} prompt": prompt.label for name, prompt in PROMPTS.items()}
    return {"model": model.name, **kept, **prompts}


def _assemble(
    records: Sequence[Record],
    keys: dict[str, list[str]],
    answers: dict[str, list[dict[str, Any]]],
    settings: AnnotationSettings,
    problem: str,
) -> AnnotationResult:
    """The outcome from all answers; `keys` has each record's, by task."""
    result = AnnotationResult(problem=problem)
    for task in settings.tasks:
        given = (entry for key in dict.fromkeys(keys[task]) for entry in answers.get(key, ()))
        result.reasons[task] = Counter(entry["rejected"] for entry in given if entry["rejected"])
    for index, record in enumerate(records):
        entries = {task: answers.get(keys[task][index], []) for task in settings.tasks}
        labelled = _with_labels(record, {task: found[-1] for task, found in entries.items() if found}, settings)
        if not all(_is_finished(found, settings) for found in entries.values()):
            result.unanswered.append(record["sample_id"])
        elif "expression" in entries and entries["expression"][-1]["rejected"]:
            result.rejected.append(labelled)
        else:
            result.records.append(labelled)
    return result


def _is_finished(entries: Sequence[dict[str, Any]], settings: AnnotationSettings) -> bool:
    """True if the last response to a request was accepted, or no attempt is left."""
    return bool(entries) and (entries[-1]["rejected"] is None or len(entries) >= settings.attempts)


def _with_labels(record: Record, answers: dict[str, dict[str, Any]], settings: AnnotationSettings) -> Record:
    """A record with the labels that were accepted and the story of each."""
    conditions, expression = dict(record.get("conditions") or {}), record.get("expression", "")
    extra = dict(record.get("extra") or {})
    story = dict(extra.get("annotation") or {})
    for task, entry in answers.items():
        story[task] = {name: value for name, value in entry.items() if name not in ("key", "value")}
        if entry["rejected"]:
            continue
        if task == "expression":
            expression = entry["value"]
        else:
            conditions["lighting"] = condition_name("lighting", entry["value"])
    if len(record["boxes"]) == 1 and "size" not in conditions:
        x0, y0, x1, y1 = record["boxes"][0]
        conditions["size"] = "small" if (x1 - x0) * (y1 - y0) < settings.small_area else "normal"
        story["size"] = f"small below {settings.small_area:g} square pixels"
    return {**record, "expression": expression, "conditions": conditions, "extra": {**extra, "annotation": story}}


def describe(result: AnnotationResult) -> Iterable[str]:
    """The outcome of a run in a few lines."""
    yield (
        f"{len(result.records)} records accepted, {len(result.rejected)} rejected, "
        f"{len(result.unanswered)} without an answer"
    )
    for task, reasons in result.reasons.items():
        for reason, count in reasons.most_common():
            yield f"  {task}: {count} answers refused because {reason}"
