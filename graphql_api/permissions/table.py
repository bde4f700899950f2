"""Who may do what with every field of every object of the schema. A field that is not here keeps the API from starting.

`OPEN` data may be read by whoever got the object that it is a field of; that object's own field says who gets it.
"""

from __future__ import annotations

from graphql_api.permissions.rules import (
    ACCOUNT,
    ADMIN,
    ERASING,
    OPEN,
    OWN_OR_ADMIN,
    STAFF_ALONE,
    Rule,
    own,
    staff,
    visitor,
)
from shop.entities.access import Scope


def _each(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_PERSONAL_LIST = visitor(Scope.RECOMMENDATIONS_READ)
_PAGE = "edges nodes pageInfo totalCount"
_EDGE = "cursor node"

PERMISSIONS: dict[str, dict[str, Rule]] = {
    "Query": {
        **_each(OPEN, "node nodes product products categories model viewer erasure"),
        **_each(own(Scope.USERS_READ), "user insight"),
        **_each(OWN_OR_ADMIN, "sessions"),
        **_each(staff(Scope.USERS_READ), "users"),
        **_each(_PERSONAL_LIST, "recommendations explanation"),
        **_each(staff(Scope.RULES_READ), "merchandisingRules"),
        **_each(own(Scope.JOBS_READ), "job"),
        **_each(staff(Scope.JOBS_READ), "jobs"),
        **_each(staff(Scope.REPORTS_READ), "explanationReport llmUsage models"),
        **_each(STAFF_ALONE, "auditLog"),
        **_each(ADMIN, "apiKeys"),
    },
    "Mutation": {
        **_each(OPEN, "signUp signIn refreshSession signOut"),
        **_each(ACCOUNT, "changePassword updatePreferences editInsight"),
        **_each(visitor(Scope.INTERACTIONS_WRITE), "trackInteraction trackInteractions"),
        **_each(visitor(Scope.TEXTS_WRITE), "requestExplanation rateExplanation"),
        **_each(own(Scope.TEXTS_WRITE), "refreshInsight"),
        **_each(staff(Scope.CATALOG_WRITE), "upsertProducts deleteProducts"),
        **_each(staff(Scope.USERS_WRITE), "upsertUsers"),
        **_each(staff(Scope.RULES_WRITE), "saveMerchandisingRule deleteMerchandisingRule"),
        **_each(staff(Scope.MODELS_WRITE), "startTraining activateModel retryJob"),
        **_each(own(Scope.PRIVACY_WRITE), "exportUserData"),
        **_each(ERASING, "eraseUserData"),
        **_each(ADMIN, "createApiKey revokeApiKey setUserRole"),
    },
    "Subscription": {
        **_each(OPEN, "productUpdated modelActivated"),
        **_each(_PERSONAL_LIST, "recommendationsUpdated explanationReady explanationStream"),
        **_each(own(Scope.USERS_READ), "insightUpdated"),
        **_each(own(Scope.JOBS_READ), "jobProgress"),
    },
    # The catalogue.
    "Product": _each(
        OPEN,
        "id sku name description brand tags price packageSize imageUrl inStock rating popularity buyerCount createdAt "
        "updatedAt category similar boughtTogether withdrawnAt",
    ),
    "Money": _each(OPEN, "amount currencyCode"),
    "Category": _each(OPEN, "id name path productCount parent children"),
    "ProductConnection": _each(OPEN, f"{_PAGE} facets"),
    "ProductEdge": _each(OPEN, _EDGE),
    "PageInfo": _each(OPEN, "hasNextPage hasPreviousPage startCursor endCursor"),
    "ProductFacets": _each(OPEN, "categories brands prices"),
    "CategoryFacet": _each(OPEN, "category count"),
    "BrandFacet": _each(OPEN, "value count"),
    "PriceFacet": _each(OPEN, "min max count"),
    "ProductUpdated": _each(OPEN, "eventId productId product change"),
    "UpsertProductsPayload": _each(OPEN, "products results userErrors"),
    "UpsertProductResult": _each(OPEN, "index status product userErrors"),
    "DeleteProductsPayload": _each(OPEN, "products userErrors"),
    # People. A user's fields are the user's own, wherever the object is met.
    "User": _each(
        own(Scope.USERS_READ),
        "id displayName email locale role preferences createdAt interactions recommendations insight",
    ),
    "Preferences": _each(OPEN, "categories brands tags"),
    "UserConnection": _each(staff(Scope.USERS_READ), _PAGE),
    "UserEdge": _each(staff(Scope.USERS_READ), _EDGE),
    "UpsertUsersPayload": _each(OPEN, "results userErrors"),
    "UpsertUserResult": _each(OPEN, "index status user userErrors"),
    "UpdatePreferencesPayload": _each(OPEN, "user userErrors warnings"),
    # Getting in. What these hold is given once, to whoever asked for it.
    "AccessTokens": _each(OPEN, "accessToken refreshToken accessExpiresAt refreshExpiresAt"),
    "SignUpPayload": _each(OPEN, "accepted userErrors"),
    "SignInPayload": _each(OPEN, "user tokens mergedSession userErrors"),
    "RefreshSessionPayload": _each(OPEN, "user tokens"),
    "SignOutPayload": _each(OPEN, "endedCount"),
    "ChangePasswordPayload": _each(OPEN, "changed userErrors"),
    "SignInSession": _each(OWN_OR_ADMIN, "id client createdAt lastUsedAt expiresAt current"),
    "ApiKey": _each(ADMIN, "id name scopes createdAt createdBy expiresAt lastUsedAt revokedAt"),
    "CreateApiKeyPayload": _each(ADMIN, "apiKey secret userErrors"),
    "RevokeApiKeyPayload": _each(ADMIN, "apiKey userErrors"),
    "SetUserRolePayload": _each(ADMIN, "user userErrors"),
    # Privacy. A receipt names nobody.
    "ExportUserDataPayload": _each(OPEN, "job downloadUrl expiresAt userErrors"),
    "EraseUserDataPayload": _each(OPEN, "job receiptId userErrors"),
    "Erasure": _each(OPEN, "id requestedAt finishedAt passes total counts"),
    "ErasedPlace": _each(OPEN, "place count"),
    # What shoppers do.
    "Interaction": _each(OPEN, "id type at quantity price orderId rating product excluded"),
    "InteractionConnection": _each(OPEN, _PAGE),
    "InteractionEdge": _each(OPEN, _EDGE),
    "TrackInteractionPayload": _each(OPEN, "interaction userErrors warnings"),
    "TrackInteractionsPayload": _each(OPEN, "interactions results userErrors warnings"),
    "TrackInteractionResult": _each(OPEN, "index status interaction userErrors warnings"),
    "UserError": _each(OPEN, "field code message"),
    "InputWarning": _each(OPEN, "field code message"),
    # Lists, and why.
    "RecommendationList": {
        **_each(OPEN, "id items modelVersion variant generatedAt freshness degraded language"),
        **_each(visitor(Scope.USERS_READ), "insight"),
    },
    "Recommendation": _each(
        OPEN, "product rank score probability confidence breakdown reasons explanation exploration propensity"
    ),
    "ScoreBreakdown": _each(OPEN, "collaborative contentBased neural contextual"),
    "ComponentScore": _each(OPEN, "value weight share"),
    "Reason": _each(OPEN, "kind label count value product"),
    "Explanation": _each(OPEN, "id status text language source evidence model promptVersion generatedAt"),
    "ExperimentVariant": _each(OPEN, "experiment name"),
    "Freshness": _each(OPEN, "lastEventAt modelTrainedAt"),
    "Insight": _each(OPEN, "status text language source model generatedAt"),
    "RecommendationsUpdated": _each(OPEN, "eventId list"),
    "ExplanationReady": _each(OPEN, "eventId productId product explanation"),
    "ExplanationChunk": _each(OPEN, "eventId delta text final replaced explanation"),
    "InsightUpdated": _each(OPEN, "eventId insight"),
    "RefreshInsightPayload": _each(OPEN, "insight userErrors"),
    "EditInsightPayload": _each(OPEN, "insight excludedCount userErrors"),
    "RequestExplanationPayload": _each(OPEN, "explanation userErrors"),
    "RateExplanationPayload": _each(OPEN, "rating userErrors"),
    "ExplanationRating": _each(OPEN, "explanationId productId helpful reason comment at"),
    # What staff do.
    "ExplanationReport": _each(staff(Scope.REPORTS_READ), "ratings clickThrough"),
    "ExplanationRatingRow": _each(staff(Scope.REPORTS_READ), "group shown ratings helpful helpfulShare"),
    "Proportion": _each(staff(Scope.REPORTS_READ), "value low high"),
    "ExplanationClickRow": _each(staff(Scope.REPORTS_READ), "withExplanation source group impressions clicks ctr"),
    "MerchandisingRuleConnection": _each(staff(Scope.RULES_READ), _PAGE),
    "MerchandisingRuleEdge": _each(staff(Scope.RULES_READ), _EDGE),
    "MerchandisingRule": _each(
        staff(None),
        "id name action target factor position scope schedule priority enabled active createdAt updatedAt updatedBy",
    ),
    "RuleTarget": _each(staff(None), "brands tags products categories"),
    "RuleScope": _each(staff(None), "scenarios segments languages devices categories"),
    "RuleSchedule": _each(staff(None), "startsAt endsAt weekdays hours"),
    "SaveMerchandisingRulePayload": _each(staff(Scope.RULES_WRITE), "rule userErrors warnings"),
    "DeleteMerchandisingRulePayload": _each(staff(Scope.RULES_WRITE), "deletedId userErrors"),
    "Model": _each(
        OPEN,
        "version trainedAt products users interactions weights metrics trainingSeconds kind parent status notes "
        "rejection",
    ),
    "ComponentWeight": _each(OPEN, "component weight"),
    "Metric": _each(OPEN, "name value"),
    "ModelActivated": _each(OPEN, "eventId version model"),
    "StartTrainingPayload": _each(staff(Scope.MODELS_WRITE), "job userErrors"),
    "ActivateModelPayload": _each(staff(Scope.MODELS_WRITE), "model userErrors"),
    "RetryJobPayload": _each(staff(Scope.MODELS_WRITE), "job userErrors"),
    # Of a job one sees what one has ordered.
    "Job": _each(
        OPEN,
        "id name message state progress stage attempt maxAttempts createdAt startedAt finishedAt durationMs errorCode "
        "errorMessage resultVersion result",
    ),
    "JobConnection": _each(staff(Scope.JOBS_READ), _PAGE),
    "JobEdge": _each(staff(Scope.JOBS_READ), _EDGE),
    "JobProgress": _each(OPEN, "eventId job"),
    "LlmUsage": _each(staff(Scope.REPORTS_READ), "from to rows totals budgets cache"),
    "LlmUsageRow": _each(
        staff(Scope.REPORTS_READ),
        "calls failures inputTokens outputTokens seconds cost priced day provider model purpose",
    ),
    "LlmUsageCounts": _each(staff(Scope.REPORTS_READ), "calls failures inputTokens outputTokens seconds cost priced"),
    "LlmBudget": _each(staff(Scope.REPORTS_READ), "purpose limit used remaining exhausted"),
    "ExplanationCache": _each(staff(Scope.REPORTS_READ), "hits inMemory inRedis inDatabase misses hitRate"),
    "AuditEntryConnection": _each(STAFF_ALONE, _PAGE),
    "AuditEntryEdge": _each(STAFF_ALONE, _EDGE),
    "AuditEntry": _each(STAFF_ALONE, "id at action actorId subject details actor"),
}
