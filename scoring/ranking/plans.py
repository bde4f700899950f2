"""The weights of signals in a list: chosen on validation, for each evaluation protocol and length of history."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from scoring.evaluation.protocol import EvaluationProtocol
from scoring.ranking.calibration import UNCALIBRATED, Calibration

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIGHT, _HEAVY = 5, 50


# Whose plan stands in where there were too few cases, or none, to choose one by; after these the default weights.
_LIKE = {
    EvaluationProtocol.LEAVE_LAST_OUT: (EvaluationProtocol.TEMPORAL, EvaluationProtocol.COLD_USERS),
    EvaluationProtocol.NEXT_BASKET: (),
    EvaluationProtocol.TEMPORAL: (EvaluationProtocol.LEAVE_LAST_OUT, EvaluationProtocol.COLD_USERS),
    EvaluationProtocol.COLD_USERS: (EvaluationProtocol.LEAVE_LAST_OUT, EvaluationProtocol.TEMPORAL),
    EvaluationProtocol.NEW_ITEMS: (),
}


class HistoryLength(StrEnum):
    """Shoppers by how many distinct products they have met."""

    COLD = "cold"  # fewer than 5
    LIGHT = "light"  # fewer than 50
    HEAVY = "heavy"

    @classmethod
    def of(cls, n_products: int) -> HistoryLength:
        return cls.COLD if n_products < _LIGHT else cls.LIGHT if n_products < _HEAVY else cls.HEAVY


class Choice(StrEnum):
    DEFAULT = "default"  # the shop's four weights
    SINGLE = "single"  # the best signal alone
    LEARNED = "learned"  # a weighted sum of several, of either sign, learned on validation


@dataclass(frozen=True, slots=True)
class FusionPlan:
    """Weights of signals whose magnitudes sum to 1, the calibration of their fused score, and why they were chosen."""

    weights: dict[str, float]
    choice: Choice
    why: str
    ndcg: dict[str, float]  # cross-fitted NDCG@10 of each choice on validation
    calibration: Calibration = UNCALIBRATED
    worth: dict[str, float] = field(default_factory=dict)  # NDCG@10 on validation that each kind of signal adds

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FusionPlan:
        calibration = Calibration(**stored["calibration"])
        return cls(**{**stored, "choice": Choice(stored["choice"]), "calibration": calibration})


@dataclass(frozen=True, slots=True)
class FusionPlans:
    """A plan for each protocol that training could validate, refined for a history length where that was a gain."""

    usual: FusionPlan
    chosen: dict[EvaluationProtocol, dict[HistoryLength | None, FusionPlan]]

    def of(self, protocol: EvaluationProtocol, n_products: int) -> FusionPlan:
        plans = next((self.chosen[one] for one in (protocol, *_LIKE[protocol]) if one in self.chosen), None)
        if plans is None:
            return self.usual
        return plans.get(HistoryLength.of(n_products)) or plans[None]

    def to_json(self) -> dict[str, Any]:
        return {
            "usual": self.usual.to_json(),
            "chosen": {
                protocol.value: {(history_length or "all"): plan.to_json() for history_length, plan in plans.items()}
                for protocol, plans in self.chosen.items()
            },
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FusionPlans:
        return cls(
            FusionPlan.from_json(stored["usual"]),
            {
                EvaluationProtocol(protocol): {
                    None if history_length == "all" else HistoryLength(history_length): FusionPlan.from_json(plan)
                    for history_length, plan in plans.items()
                }
                for protocol, plans in stored["chosen"].items()
            },
        )
