"""Every Redis key name. A key of a personal answer carries the actor's key."""

from __future__ import annotations

from dataclasses import dataclass

from shop.entities.jobs import JobGroup


@dataclass(frozen=True, slots=True)
class Keys:
    prefix: str

    @property
    def events(self) -> str:
        """The event log (a stream)."""
        return f"{self.prefix}:events"

    @property
    def queue(self) -> str:
        """arq's queue of general jobs."""
        return self.queue_of(JobGroup.GENERAL)

    def published(self, once: str) -> str:
        """Set once events were published under this name. The braces keep it on the event log's node of a cluster."""
        return f"{{{self.events}}}:published:{once}"

    def queue_of(self, group: JobGroup) -> str:
        """arq's queue of a group (a sorted set of job ids by time)."""
        return f"{self.prefix}:queue" if group is JobGroup.GENERAL else f"{self.prefix}:queue:{group}"

    def job(self, id_: str) -> str:
        """A job's id as arq knows it. Its own keys have no prefix: two shops on one server would share their jobs."""
        return f"{self.prefix}:{id_}"

    def job_claim(self, id_: str) -> str:
        """Which message carries a job, and what became of it (a hash), where SQS does. The braces keep it and the list
        of what waits on one node of a cluster."""
        return f"{self.prefix}:{{jobs}}:claim:{id_}"

    def jobs_waiting(self, group: JobGroup) -> str:
        """The same jobs by the time they are due, until they have ended (a sorted set of ids)."""
        return f"{self.prefix}:{{jobs}}:waiting:{group}"

    def worker_health(self, group: JobGroup) -> str:
        """Set while a worker that runs these jobs lives."""
        return f"{self.prefix}:worker:health:{group}"

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

    def explanation_reservation(self, key: str) -> str:
        """Set while somebody has ordered this explanation."""
        return f"{self.prefix}:explanation-claim:{key}"

    def explanation_evidence(self, actor_key: str) -> str:
        """What the explanations that an actor's lists ordered lately rest on (a hash by product)."""
        return f"{self.prefix}:explanation-evidence:{actor_key}"

    def llm_spent(self, purpose: str, day: str) -> str:
        """What texts of a purpose have cost on a day, with what is reserved for calls under way (micro-USD)."""
        return f"{self.prefix}:llm-spent:{purpose}:{day}"

    def rate(self, bucket: str) -> str:
        """A token bucket (a hash). The braces keep all on one node of a cluster: one script takes from several."""
        return f"{self.prefix}:{{rate}}:{bucket}"

    def automated(self, actor_key: str) -> str:
        """Set while an actor is taken for a program."""
        return f"{self.prefix}:automated:{actor_key}"

    def pace(self, actor_key: str, minute: int) -> str:
        """How many events of one minute an actor has sent."""
        return f"{self.prefix}:pace:{actor_key}:{minute}"
