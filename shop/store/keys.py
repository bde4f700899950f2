"""Every Redis key name. A key of a personal answer carries the actor's key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    prefix: str

    @property
    def events(self) -> str:
        """The event log (a stream)."""
        return f"{self.prefix}:events"

    @property
    def queue(self) -> str:
        """arq's queue."""
        return f"{self.prefix}:queue"

    @property
    def worker_health(self) -> str:
        return f"{self.prefix}:worker:health"

    def session(self, actor_key: str) -> str:
        """Recent events of a user or an anonymous session (a list, newest first)."""
        return f"{self.prefix}:session:{actor_key}"

    def bandit(self, layout: int) -> str:
        """The bandit's shared sums (binary). The braces keep it and its batches on one node of a cluster."""
        return f"{self.prefix}:{{bandit}}:{layout}"

    def bandit_batch(self, batch_id: str) -> str:
        """Set once a batch of updates has been added."""
        return f"{self.prefix}:{{bandit}}:batch:{batch_id}"

    def explanation(self, key: str) -> str:
        """A finished explanation; its key hashes the actor's."""
        return f"{self.prefix}:explanation:{key}"

    def explanation_claim(self, key: str) -> str:
        """Set while somebody has ordered this explanation."""
        return f"{self.prefix}:explanation-claim:{key}"

    def explanation_evidence(self, actor_key: str) -> str:
        """What the explanations that an actor's lists ordered lately rest on (a hash by product)."""
        return f"{self.prefix}:explanation-evidence:{actor_key}"

    def llm_spent(self, purpose: str, day: str) -> str:
        """What texts of a purpose have cost on a day, with what is reserved for calls under way (micro-USD)."""
        return f"{self.prefix}:llm-spent:{purpose}:{day}"
