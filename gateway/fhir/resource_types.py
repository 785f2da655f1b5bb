"""Resource types of FHIR R4 (4.0.1) and STU3 (3.0.2), value set resource-types."""

from collections.abc import Mapping
from typing import Literal

#: A version of FHIR, as the setting `upstreams.<name>.fhir_version` writes it.
FhirVersion = Literal["4.0", "3.0"]

_NAMES = """
    Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse
    AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement
    CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse
    ClinicalImpression CodeSystem Communication CommunicationRequest CompartmentDefinition
    Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest
    CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest
    DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis
    Encounter Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence
    EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory Flag Goal
    GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy Immunization
    ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice
    Library Linkage List Location Measure MeasureReport Media Medication MedicationAdministration
    MedicationDispense MedicationKnowledge MedicationRequest MedicationStatement MedicinalProduct
    MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication
    MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured
    MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect
    MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionOrder Observation
    ObservationDefinition OperationDefinition OperationOutcome Organization OrganizationAffiliation
    Parameters Patient PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner
    PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson
    RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject
    RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen
    SpecimenDefinition StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid
    SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial
    SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport
    TestScript ValueSet VerificationResult VisionPrescription
"""

#: Types of STU3 that R4 renamed or removed.
_ONLY_STU3 = """
    BodySite DataElement DeviceComponent EligibilityRequest EligibilityResponse ExpansionProfile
    ImagingManifest ProcedureRequest ProcessRequest ProcessResponse ReferralRequest Sequence
    ServiceDefinition
"""
#: Types of R4 that STU3 lacks.
_SINCE_R4 = """
    BiologicallyDerivedProduct BodyStructure CatalogEntry ChargeItemDefinition
    CoverageEligibilityRequest CoverageEligibilityResponse DeviceDefinition EffectEvidenceSynthesis
    EventDefinition Evidence EvidenceVariable ExampleScenario ImmunizationEvaluation InsurancePlan
    Invoice MedicationKnowledge MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
    MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
    MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MolecularSequence
    ObservationDefinition OrganizationAffiliation ResearchDefinition ResearchElementDefinition
    RiskEvidenceSynthesis ServiceRequest SpecimenDefinition SubstanceNucleicAcid SubstancePolymer
    SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification
    TerminologyCapabilities VerificationResult
"""

RESOURCE_TYPES = frozenset(_NAMES.split())
STU3_RESOURCE_TYPES = RESOURCE_TYPES.difference(_SINCE_R4.split()).union(_ONLY_STU3.split())
RESOURCE_TYPES_BY_VERSION: Mapping[FhirVersion, frozenset[str]] = {
    "4.0": RESOURCE_TYPES,
    "3.0": STU3_RESOURCE_TYPES,
}
