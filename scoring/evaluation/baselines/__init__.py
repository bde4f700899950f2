"""Models of the literature, to measure a recommender against: each small, each with the settings worth trying."""

from scoring.evaluation.baselines.baseline import Baseline
from scoring.evaluation.baselines.baskets import OwnFrequency, TifuKnn, WindowedCooccurrence
from scoring.evaluation.baselines.content import TfidfContent
from scoring.evaluation.baselines.factors import Nmf, PureSvd
from scoring.evaluation.baselines.histories import Batch
from scoring.evaluation.baselines.linear import Ease, Slim
from scoring.evaluation.baselines.neighbours import ItemKnn, RandomWalk, UserKnn
from scoring.evaluation.baselines.popularity import Popularity, RecentPopularity

BASELINES: tuple[type[Baseline], ...] = (
    Popularity,
    RecentPopularity,
    ItemKnn,
    RandomWalk,
    UserKnn,
    Nmf,
    PureSvd,
    Ease,
    Slim,
    WindowedCooccurrence,
    TfidfContent,
    OwnFrequency,
    TifuKnn,
)

__all__ = ["BASELINES", "Baseline", "Batch"]
