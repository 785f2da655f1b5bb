"""Differences of R4 from R4B: types, elements and codes, by R4's own definitions (4.0.1).

`python tests/recipes/r4_definitions.py FOLDER` prints every difference between R4 and the models.
"""


def _split_names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: R4 types that R4B removed or defines differently: the models have no definition of them.
UNCHECKED_TYPES = _split_names("""
    EffectEvidenceSynthesis Evidence EvidenceVariable MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
    MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
    MedicinalProductPharmaceutical MedicinalProductUndesirableEffect RiskEvidenceSynthesis
    SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
    SubstanceSourceMaterial SubstanceSpecification
""")
#: Types that R4B added.
R4B_ONLY_TYPES = _split_names("""
    AdministrableProductDefinition Citation ClinicalUseDefinition EvidenceReport Ingredient
    ManufacturedItemDefinition MedicinalProductDefinition NutritionProduct PackagedProductDefinition
    RegulatedAuthorization SubscriptionStatus SubscriptionTopic SubstanceDefinition
""")
_R4B_OPEN_TYPES = ("CodeableReference", "RatioRange")
_OPEN_CHOICES = ("defaultValue", "fixed", "pattern")
#: Elements that R4B added to types of R4.
R4B_ONLY_ELEMENTS: dict[str, frozenset[str]] = {
    "ActivityDefinition": frozenset({"subjectCanonical"}),
    "ElementDefinition": frozenset(prefix + type_ for prefix in _OPEN_CHOICES for type_ in _R4B_OPEN_TYPES),
    "ElementDefinitionExample": frozenset("value" + type_ for type_ in _R4B_OPEN_TYPES),
    "Extension": frozenset("value" + type_ for type_ in _R4B_OPEN_TYPES),
    "PlanDefinition": frozenset({"subjectCanonical"}),
    "PlanDefinitionAction": frozenset({"subjectCanonical"}),
}
#: Elements that R4B removed: type -> JSON name -> (name of the choice, type).
R4_ONLY_ELEMENTS: dict[str, dict[str, tuple[str, str]]] = {
    "ElementDefinition": {f"{prefix}Meta": (prefix, "Meta") for prefix in _OPEN_CHOICES},
    "ElementDefinitionExample": {"valueMeta": ("value", "Meta")},
    "Extension": {"valueMeta": ("value", "Meta")},
}

_REPORT_STATUSES = "registered preliminary final amended corrected cancelled entered-in-error unknown"
_ENCOUNTER_STATUSES = (
    "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
)
_TASK_STATUSES = (
    "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed"
    " entered-in-error"
)
_ITEM_TYPES = (
    "group display question boolean decimal integer date dateTime time string text url choice open-choice"
    " attachment reference quantity"
)
_TRANSFORM_CODES = (
    "create copy truncate escape cast append translate reference dateOp uuid pointer evaluate cc c qty id cp"
)
_WHEN_CODES = (
    "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE C CM CD"
    " CV AC ACM ACD ACV PC PCM PCD PCV"
)
_ISSUE_TYPES = (
    "invalid structure required value invariant security login unknown expired forbidden suppressed"
    " processing not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension"
    " too-costly business-rule conflict transient lock-error no-store exception timeout incomplete throttled"
    " informational"
)
#: Codes of required bindings that the models shorten (`+`) or lack; empty if the binding has no code list.
_BINDING_CODE_TEXTS = {
    "AuditEvent.action": "C R U D E",
    "AuditEvent.outcome": "0 4 8 12",
    "CapabilityStatement.format": "",
    "DetectedIssue.status": _REPORT_STATUSES,
    "DeviceUdiCarrier.entryType": "barcode rfid manual card self-reported unknown",
    "DeviceUseStatement.status": "active completed entered-in-error intended stopped on-hold",
    "DiagnosticReport.status": (
        "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown"
    ),
    "Encounter.status": _ENCOUNTER_STATUSES,
    "EncounterStatusHistory.status": _ENCOUNTER_STATUSES,
    "Expression.language": "",
    "Observation.status": _REPORT_STATUSES,
    "OperationOutcomeIssue.code": _ISSUE_TYPES,
    "Quantity.comparator": "< <= >= >",
    "QuestionnaireItem.type": _ITEM_TYPES,
    "RiskAssessment.status": _REPORT_STATUSES,
    "StructureMapGroupRuleTarget.transform": _TRANSFORM_CODES,
    "SupplyRequest.status": "draft active suspended cancelled completed entered-in-error unknown",
    "Task.status": _TASK_STATUSES,
    "TimingRepeat.when": _WHEN_CODES,
}
BINDING_CODES = {element: _split_names(codes) for element, codes in _BINDING_CODE_TEXTS.items()}
