"""R4 where R4B is another: types, elements and codes, by R4's own definitions (4.0.1).

`python tests/recipes/r4_definitions.py FOLDER` prints every difference between R4 and the models.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: R4 types that R4B dropped or defines quite differently: there is nothing to check them by.
UNCHECKED = _names("""
    EffectEvidenceSynthesis Evidence EvidenceVariable MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
    MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
    MedicinalProductPharmaceutical MedicinalProductUndesirableEffect RiskEvidenceSynthesis
    SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
    SubstanceSourceMaterial SubstanceSpecification
""")
#: Types that R4B added.
UNKNOWN = _names("""
    AdministrableProductDefinition Citation ClinicalUseDefinition EvidenceReport Ingredient
    ManufacturedItemDefinition MedicinalProductDefinition NutritionProduct PackagedProductDefinition
    RegulatedAuthorization SubscriptionStatus SubscriptionTopic SubstanceDefinition
""")
_OPEN = ("CodeableReference", "RatioRange")
_ANY = ("defaultValue", "fixed", "pattern")
#: Elements that R4B added to types that R4 has.
ABSENT: dict[str, frozenset[str]] = {
    "ActivityDefinition": frozenset({"subjectCanonical"}),
    "ElementDefinition": frozenset(prefix + type_ for prefix in _ANY for type_ in _OPEN),
    "ElementDefinitionExample": frozenset("value" + type_ for type_ in _OPEN),
    "Extension": frozenset("value" + type_ for type_ in _OPEN),
    "PlanDefinition": frozenset({"subjectCanonical"}),
    "PlanDefinitionAction": frozenset({"subjectCanonical"}),
}
#: Elements that R4B lacks: type -> JSON name -> (name of the choice, type).
PRESENT: dict[str, dict[str, tuple[str, str]]] = {
    "ElementDefinition": {f"{prefix}Meta": (prefix, "Meta") for prefix in _ANY},
    "ElementDefinitionExample": {"valueMeta": ("value", "Meta")},
    "Extension": {"valueMeta": ("value", "Meta")},
}

_REPORTED = "registered preliminary final amended corrected cancelled entered-in-error unknown"
_ENCOUNTER = "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
_TASK = (
    "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed"
    " entered-in-error"
)
_ITEM = (
    "group display question boolean decimal integer date dateTime time string text url choice open-choice"
    " attachment reference quantity"
)
_TRANSFORM = (
    "create copy truncate escape cast append translate reference dateOp uuid pointer evaluate cc c qty id cp"
)
_WHEN = (
    "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE C CM CD"
    " CV AC ACM ACD ACV PC PCM PCD PCV"
)
_ISSUE = (
    "invalid structure required value invariant security login unknown expired forbidden suppressed"
    " processing not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension"
    " too-costly business-rule conflict transient lock-error no-store exception timeout incomplete throttled"
    " informational"
)
#: Codes of required bindings that the models shorten (`+`) or lack; none where the models list no codes.
_CODES = {
    "AuditEvent.action": "C R U D E",
    "AuditEvent.outcome": "0 4 8 12",
    "CapabilityStatement.format": "",
    "DetectedIssue.status": _REPORTED,
    "DeviceUdiCarrier.entryType": "barcode rfid manual card self-reported unknown",
    "DeviceUseStatement.status": "active completed entered-in-error intended stopped on-hold",
    "DiagnosticReport.status": (
        "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown"
    ),
    "Encounter.status": _ENCOUNTER,
    "EncounterStatusHistory.status": _ENCOUNTER,
    "Expression.language": "",
    "Observation.status": _REPORTED,
    "OperationOutcomeIssue.code": _ISSUE,
    "Quantity.comparator": "< <= >= >",
    "QuestionnaireItem.type": _ITEM,
    "RiskAssessment.status": _REPORTED,
    "StructureMapGroupRuleTarget.transform": _TRANSFORM,
    "SupplyRequest.status": "draft active suspended cancelled completed entered-in-error unknown",
    "Task.status": _TASK,
    "TimingRepeat.when": _WHEN,
}
CODES = {element: _names(codes) for element, codes in _CODES.items()}
