"""Which signals a list listens to, and how much: chosen on validation, for each kind of question and of history."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from scoring.evaluation.splitting import Protocol
from scoring.ranking.calibration import UNCALIBRATED, Calibration

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIGHT, _HEAVY = 5, 50


class Segment(StrEnum):
    """Shoppers by how many distinct products they have met."""

    COLD = "cold"  # fewer than 5
    LIGHT = "light"  # fewer than 50
    HEAVY = "heavy"

    @classmethod
    def of(cls, n_products: int) -> Segment:
        return cls.COLD if n_products < _LIGHT else cls.LIGHT if n_products < _HEAVY else cls.HEAVY


class Choice(StrEnum):
    DEFAULT = "default"  # the shop's four weights
    SINGLE = "single"  # the best signal alone
    LEARNED = "learned"  # a mixture learned on validation


@dataclass(frozen=True, slots=True)
class Plan:
    """Weights of signals that sum to 1, what their fused score means, and why they were chosen."""

    weights: dict[str, float]
    choice: Choice
    why: str
    ndcg: dict[str, float]  # cross-fitted NDCG@10 of each choice on validation
    calibration: Calibration = UNCALIBRATED

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Plan:
        calibration = Calibration(**stored["calibration"])
        return cls(**{**stored, "choice": Choice(stored["choice"]), "calibration": calibration})


@dataclass(frozen=True, slots=True)
class Plans:
    """A plan for each protocol that training could validate, refined for a segment where that was a gain."""

    usual: Plan
    chosen: dict[Protocol, dict[Segment | None, Plan]]

    def of(self, protocol: Protocol, n_products: int) -> Plan:
        plans = self.chosen.get(protocol)
        if not plans:
            return self.usual
        return plans.get(Segment.of(n_products)) or plans[None]

    def to_json(self) -> dict[str, Any]:
        return {
            "usual": self.usual.to_json(),
            "chosen": {
                protocol.value: {(segment or "all"): plan.to_json() for segment, plan in plans.items()}
                for protocol, plans in self.chosen.items()
            },
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Plans:
        return cls(
            Plan.from_json(stored["usual"]),
            {
                Protocol(protocol): {
                    None if segment == "all" else Segment(segment): Plan.from_json(plan)
                    for segment, plan in plans.items()
                }
                for protocol, plans in stored["chosen"].items()
            },
        )
