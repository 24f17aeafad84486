"""The list of alarms, one for every kind of device, as rows of the store."""

import json
from collections.abc import Iterable
from typing import Any

from contracts.instants import Instant
from gateway.alarms.lifecycle import State, Trigger, after
from gateway.engine.facts import RETROSPECTIVE, AlarmKey, ClearAlarm, Effect, RaiseAlarm
from gateway.storage.sqlite import Store


class AlarmError(Exception):
    """An alarm is not there, or not in a state for what is asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AlarmTable:
    """At most one open alarm for each key; those found in hindsight are one for each excursion."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[AlarmKey, tuple[int, State]] = {}
        for identity, kind, source, code, state in store.rows("open_alarms"):
            if kind != RETROSPECTIVE:
                self._open[AlarmKey(kind, source, code)] = identity, State(state)
        self.changed = True
        """Whether anything changed since this was last set to False."""
        self.news: list[RaiseAlarm] = []
        """Raised since this was last emptied."""

    def apply(self, effects: Iterable[Effect], now: Instant) -> None:
        """Raise and clear what engines decided."""
        for effect in effects:
            if isinstance(effect, RaiseAlarm):
                self._raise(effect, now)
            else:
                self._clear(effect)

    def _raise(self, effect: RaiseAlarm, now: Instant) -> None:
        identity, state = self._open.get(effect.key, (0, State.NORMAL))
        moved = after(state, Trigger.RAISE)
        if moved is None:
            return
        params = _json(dict(effect.params))
        if identity:
            self._store.run("raise_alarm_again", moved, effect.at, params, identity)
        else:
            identity = self._new(effect, moved, now, None, params)
        self._store.run("note_action", identity, effect.at, "raise", "", "")
        self._moved(effect.key, identity, moved)
        self.news.append(effect)

    def _clear(self, effect: ClearAlarm) -> None:
        identity, state = self._open.get(effect.key, (0, State.NORMAL))
        moved = after(state, Trigger.CLEAR)
        if moved is None:
            return
        self._store.run("move_alarm", moved, effect.at, identity)
        self._store.run("note_action", identity, effect.at, "clear", "", "")
        self._moved(effect.key, identity, moved)

    def find(self, effect: RaiseAlarm, until: Instant, now: Instant) -> None:
        """Raise an alarm about the past, or extend the one that tells of the same excursion."""
        _, source, code = effect.key
        known = self._store.one("overlapping_retrospective", source, code, until, effect.at)
        since = effect.at
        if known is not None:
            identity, old_since, old_until = known
            if old_since <= since and until <= old_until:
                return
            since, until = min(since, old_since), max(until, old_until)
        params = _json({**dict(effect.params), "since": since, "until": until})
        if known is not None:
            self._store.run("extend_alarm", since, until, params, identity)
        else:
            born = after(State.NORMAL, Trigger.FIND)
            assert born is not None
            identity = self._new(effect, born, now, until, params)
            self._store.run("note_action", identity, now, "raise", "", "")
            self.news.append(effect)
        self.changed = True

    def _new(
        self, effect: RaiseAlarm, state: State, now: Instant, cleared: Instant | None, params: str
    ) -> int:
        kind, source, code = effect.key
        row = self._store.one(
            "new_alarm", kind, source, effect.space, effect.priority, state, effect.at, now,
            cleared, code, params,
        )  # fmt: skip
        assert row is not None
        return int(row[0])

    def acknowledge(self, identity: int, who: str, comment: str, now: Instant) -> None:
        """Note that somebody knows; raise AlarmError."""
        row = self._store.one("alarm_state", identity)
        if row is None:
            raise AlarmError("unknown-alarm", f"there is no alarm {identity}")
        state, *key = row
        moved = after(State(state), Trigger.ACKNOWLEDGE)
        if moved is None:
            raise AlarmError("not-acknowledgeable", f"alarm {identity} is {state}: nothing to do")
        self._store.run("acknowledge_alarm", moved, identity)
        self._store.run("note_action", identity, now, "acknowledge", who, comment)
        if key[0] == RETROSPECTIVE:
            self.changed = True
        else:
            self._moved(AlarmKey(*key), identity, moved)

    def comment(self, identity: int, who: str, comment: str, now: Instant) -> None:
        """Write something next to an alarm; raise AlarmError."""
        if self._store.one("alarm_state", identity) is None:
            raise AlarmError("unknown-alarm", f"there is no alarm {identity}")
        if not comment.strip():
            raise AlarmError("comment-missing", "the comment is empty; write something")
        self._store.run("note_action", identity, now, "comment", who, comment)
        self.changed = True

    def count(self) -> int:
        """Count the alarms that somebody must still deal with."""
        row = self._store.one("count_open_alarms")
        return int(row[0]) if row else 0

    def _moved(self, key: AlarmKey, identity: int, state: State) -> None:
        self.changed = True
        if state is State.NORMAL:
            self._open.pop(key, None)
        else:
            self._open[key] = identity, state


def _json(params: dict[str, Any]) -> str:
    return json.dumps(params, ensure_ascii=False, separators=(",", ":"))
