"""Decides what to do about the robot's current job: pure, no clock, no wire."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from contracts.records import DeliveryStep
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import ActionStatus, State
from edge.fleet.jobs import Job, way

MINUTE = 60.0
PATIENCE: dict[DeliveryStep, float] = {
    DeliveryStep.ASKED: 120 * MINUTE,
    DeliveryStep.SENT: MINUTE,
    DeliveryStep.ACCEPTED: 10 * MINUTE,
    DeliveryStep.LOADED: 10 * MINUTE,
}
"""Seconds that each step may last without a sign of progress; while a robot is away, none pass."""
STOPPING = 2 * MINUTE
"""Seconds that a robot may take to obey cancelOrder."""


class Do(StrEnum):
    """What to tell the robot."""

    NOTHING = "nothing"
    PLAN = "plan"
    """Build the order, write it down, then send it."""
    SEND = "send"
    """Send the order that was written down."""
    STOP = "stop"
    """Send cancelOrder."""


class Verdict(NamedTuple):
    """What to do now. `goal` is the step the job has come to, if another."""

    do: Do = Do.NOTHING
    goal: DeliveryStep | None = None
    reason: str = ""
    started: bool = False


WAIT = Verdict()


class Known(NamedTuple):
    """What is known of a robot and its job; times are seconds of the monotonic clock."""

    state: State | None
    present: bool
    lively: float
    """When the robot last showed progress, or came back."""
    since: float
    """When the job took its step, if that was since the start."""
    patient_until: float
    """When a job that waits for its robot has waited for too long."""
    now: float


def judge(job: Job, known: Known) -> Verdict:
    """Say what a job needs. A robot that is not there freezes its job."""
    if known.state is None or not known.present:
        return WAIT
    if job.order is None:
        return _queued(known.state, job, overdue=known.now > known.patient_until)
    waited = known.now - max(known.since, known.lively)
    verdict = _running(job, known.state)
    patience = STOPPING if job.stopping else PATIENCE[job.step]
    if verdict.goal is None and waited > patience:
        return Verdict(goal=DeliveryStep.FAILED, reason=_overdue(job, known.state))
    return verdict


def _queued(state: State, job: Job, *, overdue: bool) -> Verdict:
    hindrance = vda5050.hindrance(state)
    if not hindrance:
        return Verdict(Do.PLAN)
    if overdue:
        minutes = PATIENCE[job.step] / MINUTE
        return Verdict(goal=DeliveryStep.FAILED, reason=f"waited {minutes:.0f} min: {hindrance}")
    return WAIT


def _running(job: Job, state: State) -> Verdict:
    assert job.order is not None
    seen = vda5050.progress(job.order, state)
    started = seen.started or job.started
    if seen.step is DeliveryStep.DELIVERED:
        return Verdict(goal=seen.step, started=started)
    if job.stopping and (seen.step is DeliveryStep.FAILED or _stopped(job, state)):
        loaded = DeliveryStep.LOADED in (job.step, seen.step)
        where = "; the item is on the robot" if loaded else ""
        return Verdict(goal=DeliveryStep.CANCELLED, reason=f"cancelled by {job.stopping}{where}")
    if seen.step is DeliveryStep.FAILED:
        return Verdict(goal=seen.step, reason=seen.reason)
    goal = seen.step if seen.step is not None and way(job.step, seen.step) else None
    if job.stopping:
        return Verdict(Do.STOP, goal, started=started)
    if seen.step is not None:
        return Verdict(goal=goal, started=started)
    return _not_echoed(job, state)


def _not_echoed(job: Job, state: State) -> Verdict:
    if job.step is DeliveryStep.LOADED or job.started:
        return Verdict(
            goal=DeliveryStep.FAILED,
            reason="the robot no longer knows the order; look for the item on it and on its way",
        )
    return Verdict(Do.SEND) if vda5050.idle(state) else WAIT


def _stopped(job: Job, state: State) -> bool:
    cancel = vda5050.cancel_id(job.delivery)
    obeyed = any(
        one.action_id == cancel and one.action_status == ActionStatus.FINISHED
        for one in state.action_states or ()
    )
    return obeyed or vda5050.idle(state)


def _overdue(job: Job, state: State) -> str:
    said = "; ".join(vda5050.complaints(state)) or vda5050.hindrance(state) or "nothing is wrong"
    if job.stopping:
        return f"the robot did not obey cancelOrder; it says: {said}"[:300]
    minutes = PATIENCE[job.step] / MINUTE
    return f"no progress for {minutes:.0f} min after {job.step}; the robot says: {said}"[:300]


def left_running(state: State, ended: Mapping[str, DeliveryStep]) -> bool:
    """Say whether a robot still works on an order that has failed or was cancelled."""
    end = ended.get(state.order_id)
    given_up = end in (DeliveryStep.FAILED, DeliveryStep.CANCELLED)
    return given_up and not vda5050.idle(state)
