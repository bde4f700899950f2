"""Models of the literature, to measure a recommender against: each small, each with the settings worth trying."""

from scoring.baselines.baseline import Baseline
from scoring.baselines.baskets import OwnFrequency, TifuKnn, WindowedCooccurrence
from scoring.baselines.content import TfidfContent
from scoring.baselines.factors import Nmf, PureSvd
from scoring.baselines.histories import Batch
from scoring.baselines.linear import Ease
from scoring.baselines.neighbours import ItemKnn, UserKnn
from scoring.baselines.popularity import Popularity, RecentPopularity

BASELINES: tuple[type[Baseline], ...] = (
    Popularity,
    RecentPopularity,
    ItemKnn,
    UserKnn,
    Nmf,
    PureSvd,
    Ease,
    WindowedCooccurrence,
    TfidfContent,
    OwnFrequency,
    TifuKnn,
)

__all__ = ["BASELINES", "Baseline", "Batch"]
