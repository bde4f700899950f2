"""Training a model, and going back to another one."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.context import Info
from graphql_api.jobs.types import Job
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SHORT, sizes
from graphql_api.models.types import Model
from graphql_api.payloads import INPUT, UserError
from shop.entities.models import TrainingKind
from shop.errors import BadInputError, NotFoundError
from shop.jobs import TrainModel


@strawberry.input(description="What to train.")
class StartTrainingInput:
    kind: TrainingKind = strawberry.field(default=TrainingKind.FULL, description="How much of the model.")
    seed: int | None = strawberry.field(default=None, description="Another seed than the one in the settings.")


@strawberry.type(description="What became of it.")
class StartTrainingPayload:
    job: Job | None = strawberry.field(
        description="The training: a new one, or the one that is queued or running already. Follow it by `jobProgress`."
    )
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")


@strawberry.input(description="Which model to use.")
class ActivateModelInput:
    version: str = strawberry.field(description="As `models` lists it.", metadata=sizes(length=LONGEST_SHORT))


@strawberry.type(description="What became of it.")
class ActivateModelPayload:
    model: Model | None = strawberry.field(
        description="The active model; every API process swaps it in between two requests, within a second or so."
    )
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")


@strawberry.type
class ModelMutation:
    @strawberry.mutation(
        description="Starts a training, unless one is queued or running (staff).", directives=costs(100)
    )
    async def start_training(self, info: Info, input: Annotated[StartTrainingInput, INPUT]) -> StartTrainingPayload:
        viewer = info.context.require_viewer()
        if input.seed is not None and input.seed < 0:
            problem = UserError(field="seed", code="OUT_OF_RANGE", message="A seed is 0 or more.")
            return StartTrainingPayload(job=None, user_errors=[problem])
        record = await info.context.resources.jobs.start(TrainModel(input.kind, input.seed), viewer.user_id)
        details = {"kind": input.kind.value, "seed": input.seed}
        await info.context.resources.audit.note_change("startTraining", viewer, {record.id: details})
        return StartTrainingPayload(job=Job.of(record), user_errors=[])

    @strawberry.mutation(description="Makes a stored model the active one, also one that the guard rejected (staff).")
    async def activate_model(self, info: Info, input: Annotated[ActivateModelInput, INPUT]) -> ActivateModelPayload:
        viewer = info.context.require_viewer()
        models = info.context.resources.models
        try:
            await models.activate(input.version, viewer.user_id)
        except (NotFoundError, BadInputError) as error:
            problem = UserError(field="version", code=error.code, message=error.message)
            return ActivateModelPayload(model=None, user_errors=[problem])
        snapshot = await models.get(input.version)
        return ActivateModelPayload(model=Model.of(snapshot) if snapshot else None, user_errors=[])
