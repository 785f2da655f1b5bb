"""Names of the elements of FHIR R4 (4.0.1): JSON names of all resource types and data types, in one set.

`tests/fhir/test_element_names.py` compares them with the definitions.
"""

_NAMES = """
    abatement abatementAge abatementDateTime abatementPeriod abatementRange abatementString
    abnormalCodedValueSet about abstract accept accessionIdentifier accident account achievementStatus
    action actionId active activity actor actorId actual actualArm actuality add addItem
    additionalCharacteristic additionalClassification additionalIdentifier additionalInstruction additive
    additiveCodeableConcept additiveProductName additiveReference additiveType address addresses
    adjudication adjustment adjustmentReason administeredBy administration administrationGuidelines
    administrationInstruction admitSource affectsState age ageAge ageRange ageString agent aggregation alias
    allDay allergenicIndicator allergyIntolerance allowed allowedBoolean allowedCodeableConcept allowedMoney
    allowedResponse allowedString allowedUnsignedInt altId alternate alternative altitude amount anchor
    answer answerBoolean answerCoding answerDate answerDateTime answerDecimal answerInteger answerOption
    answerQuantity answerReference answerString answerTime answerValueSet applicability applies appliesTo
    appliesToAll appointment appointmentRequired appointmentType approvalDate areaUnderCurve arm asNeeded
    asNeededBoolean asNeededCodeableConcept assert asserter assertion assessment assessor asset assignedArm
    assigner associatedMedication assurance attachment attestation attestationSignature attester
    attributeEstimate authenticator author authorReference authorString authored authoredOn authority
    authorizationRequired authorizationSupporting authorizationUrl authorizingPrescription autocreate
    autodelete availabilityExceptions availableEndTime availableStartTime availableTime axis backCurve base
    baseDefinition baseFormulaProductName baseFormulaType basedOn basis batch beneficiary benefit
    benefitBalance benefitPeriod billablePeriod binding birthDate bodySite bodysite born bornDate bornPeriod
    bornString bounds boundsDuration boundsPeriod boundsRange brand businessArrangement businessStatus
    calibration caloricDensity canPushUpdates cancelationReason cancelledReason candidate cap capabilities
    capability capacity cardinalityBehavior careManager careTeam careTeamSequence carrierAIDC carrierHRF
    caseSensitive category causality certainty chain channel characteristic characteristicCodeableConcept
    characteristicCombination characteristicQuantity chargeItem chargeItemCodeableConcept
    chargeItemReference check chromosome cigar citation citeAs citeAsMarkdown citeAsReference city claim
    claimResponse class classHistory classification clinicalRecommendationStatement clinicalStatus
    closingTime closure code codeCodeableConcept codeFilter codeReference codeSearch codeSystem coding
    collected collectedDateTime collectedPeriod collection collector color comment communication
    communicationMethod communicationRequest comparator compareToSourceExpression compareToSourceId
    compareToSourcePath compartment complication complicationDetail component compose compositeScoring
    compositional concept conclusion conclusionCode condition conditionalCreate conditionalDelete
    conditionalRead conditionalUpdate confidentiality connectionType consent constraint contact contained
    containedInstance container contains content contentAttachment contentDefinition contentDerivative
    contentReference contentString contentType context contextInvariant contextLinkId contextType contract
    contraindicatedVaccineCode contraindication contributedToDeath contributor control conversionFactor
    coordinateSystem copyright cors cost costCenter costToBeneficiary count countMax country
    courseOfTherapyType coverage coverageArea created createdDateTime createdPeriod creation criteria
    criticalCodedValueSet criticality currency custodian customaryUnit cylinder dailyAmount data
    dataAbsentReason dataPeriod dataRequirement datasetId date dateAsserted dateCriterion dateFilter
    dateTime dateWritten dayOfWeek daysOfWeek daysSupply deceased deceasedAge deceasedBoolean deceasedDate
    deceasedDateTime deceasedRange deceasedString decimalPrecision decision decisionMode defaultValue
    defaultValueAddress defaultValueAge defaultValueAnnotation defaultValueAttachment
    defaultValueBase64Binary defaultValueBoolean defaultValueCanonical defaultValueCode
    defaultValueCodeableConcept defaultValueCoding defaultValueContactDetail defaultValueContactPoint
    defaultValueContributor defaultValueCount defaultValueDataRequirement defaultValueDate
    defaultValueDateTime defaultValueDecimal defaultValueDistance defaultValueDosage defaultValueDuration
    defaultValueExpression defaultValueHumanName defaultValueId defaultValueIdentifier defaultValueInstant
    defaultValueInteger defaultValueMarkdown defaultValueMeta defaultValueMoney defaultValueOid
    defaultValueParameterDefinition defaultValuePeriod defaultValuePositiveInt defaultValueQuantity
    defaultValueRange defaultValueRatio defaultValueReference defaultValueRelatedArtifact
    defaultValueSampledData defaultValueSignature defaultValueString defaultValueTime defaultValueTiming
    defaultValueTriggerDefinition defaultValueUnsignedInt defaultValueUri defaultValueUrl
    defaultValueUsageContext defaultValueUuid definition definitionCanonical definitionCodeableConcept
    definitionDataRequirement definitionExpression definitionReference definitionUri deleted deliverFrom
    deliverTo denominator dependent dependsOn depth derivation derivedFrom derivedFromUri description
    designation destination detail detailBoolean detailCodeableConcept detailInteger detailQuantity
    detailRange detailRatio detailSequence detailString details detected detectedIssue device
    deviceIdentifier deviceName diagnosis diagnosisCodeableConcept diagnosisReference diagnosisSequence
    diagnostics diameter dietPreference differential dimensions direction directnessMatch
    dischargeDisposition disclaimer discriminator dispenseInterval dispenseRequest display disposition
    distinctIdentifier district div doNotPerform docStatus document documentType documentation domain dosage
    dosageInstruction dose doseAndRate doseForm doseNumber doseNumberPositiveInt doseNumberString
    doseQuantity doseRange doseStatus doseStatusReason drugCharacteristic due dueDate dueDuration duration
    durationMax durationUnit during dynamicValue editor education effective effectiveDateTime
    effectiveInstant effectivePeriod effectiveTime effectiveTiming element eligibility emptyReason
    enableBehavior enableWhen encodeRequestUrl encounter end endorser endpoint enrollment enteralFormula
    enteredDate enterer entity entityCodeableConcept entityReference entry entryType episodeOfCare
    equivalence error estimatedAge etag evaluatedResource evaluationMessage event eventCoding eventHistory
    eventUri evidence exact example exampleBoolean exampleCanonical exception exclude excludeFoodModifier
    excluded executionPeriod expansion expectedSupplyDuration experimental expirationDate expirationType
    expiry exposure exposureAlternative exposureRoute expressedBy expression extends extension
    externalDiameter extraDetails eye fMeasure fScore facility facilityType factor factorOverride
    failureAction family fastingStatus fastingStatusCodeableConcept fastingStatusDuration fhirVersion field
    filter financial finding fixed fixedAddress fixedAge fixedAnnotation fixedAttachment fixedBase64Binary
    fixedBoolean fixedCanonical fixedCode fixedCodeableConcept fixedCoding fixedContactDetail
    fixedContactPoint fixedContributor fixedCount fixedDataRequirement fixedDate fixedDateTime fixedDecimal
    fixedDistance fixedDosage fixedDuration fixedExpression fixedHumanName fixedId fixedIdentifier
    fixedInstant fixedInteger fixedMarkdown fixedMeta fixedMoney fixedOid fixedParameterDefinition
    fixedPeriod fixedPositiveInt fixedQuantity fixedRange fixedRatio fixedReference fixedRelatedArtifact
    fixedSampledData fixedSignature fixedString fixedTime fixedTiming fixedTriggerDefinition
    fixedUnsignedInt fixedUri fixedUrl fixedUsageContext fixedUuid fixture flag fluidConsistencyType focal
    focalDevice focus followUp foodPreferenceModifier foodType for forecastReason forecastStatus form
    formCode format frames frequency frequencyMax friendly fullUrl function fundingSource fundsReserve
    fundsReserveRequested gender generalCost generalPractitioner generation genomeBuild gestationalAge given
    global goal goalId graph group groupIdentifier groupMeasure groupSize grouping groupingBehavior
    groupingId gtFP guarantor guidance halfLifePeriod handling hasMember hash header headerField
    healthcareService height hierarchical hierarchyMeaning high hint hospitalization hoursOfOperation human
    id identified identifiedDateTime identifiedPeriod identifier identity identityCertificate ifMatch
    ifModifiedSince ifNoneExist ifNoneMatch image imagingStudy immunizationEvent immutable implementation
    implementationGuide implicated implicitRules import imports imprint improvementNotation inResponseTo
    inactive include incomplete index indication indicationCodeableConcept indicationReference individual
    inforce information informationSequence informationSource ingredient initial initialFill initialSelected
    initiator initiatorActive inner input inputProfile instance instantiates instantiatesCanonical
    instantiatesUri instruction insurance insurer intended intendedRoute intent interaction interpretation
    interpreter investigation isActive isDefault isDerived isModifier isModifierReason isSubpotent isSummary
    issue issued issuer item itemCodeableConcept itemReference itemSequence jurisdiction key keyword kind
    kinetics knownDataCount label language languageCode lastModified lastOccurrence lastPerformed
    lastReviewDate lastUpdated laterality latitude legal legalState legallyBinding legallyBindingAttachment
    legallyBindingReference length lensSpecification lethalDose50 level library license lifecycle
    lifecycleStatus limit line lineItem link linkId listMode listRuleId location locationAddress
    locationCode locationCodeableConcept locationQualifier locationReference lockedDate logMessage longitude
    lotNumber low lowerLimit managingEntity managingOrganization manifest manifestation manipulated
    manipulation manufactureDate manufacturer manufacturerReference manufacturerString map mapping
    maritalStatus masterIdentifier material max maxDispense maxDosePerAdministration maxDosePerLifetime
    maxDosePerPeriod maxDuration maxLength maxValue maxValueDate maxValueDateTime maxValueDecimal
    maxValueInstant maxValueInteger maxValuePositiveInt maxValueQuantity maxValueTime maxValueUnsignedInt
    maxVolumeToDeliver meaning meaningWhenMissing measure measureScore measurementPeriod media medication
    medicationCodeableConcept medicationReference medicineClassification medium member message messaging
    meta metadata method min minValue minValueDate minValueDateTime minValueDecimal minValueInstant
    minValueInteger minValuePositiveInt minValueQuantity minValueTime minValueUnsignedInt minimumId
    minimumVolume minimumVolumeQuantity minimumVolumeString minutesDuration mitigation modality mode
    modelCharacteristic modelNumber modifier modifierExtension module moduleCanonical moduleCodeableConcept
    moduleUri monitoringProgram monograph morphology multipleAnd multipleBirth multipleBirthBoolean
    multipleBirthInteger multipleOr multipleResultsAllowed mustSupport name nameReference nameUrl
    navigationLinks need needsMap net network nextScheduled nominalVolume normalCodedValueSet notAvailable
    note noteNumber numFN numFP numTP number numberAffected numberOfEvents numberOfInstances
    numberOfParticipants numberOfRepeatsAllowed numberOfSeries numberOfStudies numerator nutrient objective
    observationRequirement observationResultRequirement observed observedAllele observedSeq observer
    occurred occurredDateTime occurredPeriod occurrence occurrenceDateTime occurrencePeriod occurrenceString
    occurrenceTiming offer offset offsetDuration offsetRange onAdmission onBehalfOf onHold onlineInformation
    onset onsetAge onsetDateTime onsetPeriod onsetRange onsetString op openingTime operation
    operationalStatus operator oralDiet order orderDetail orderMeaning orderable ordered orderedBy orderer
    organization orientation origin originalPrescription other outcome outcomeCode outcomeCodeableConcept
    outcomeDesc outcomeReference outer output outputParameters outputProfile overbooked overload
    overrideReason ownedBy owner packageCode packageId packaging page paging param parameter parameterName
    params parent parentDevice part partNumber partOf participant participantEffective
    participantEffectiveDateTime participantEffectiveDescription participantEffectiveDuration
    participantEffectiveGroupMeasure participantEffectivePeriod participantEffectiveTimeFromStart
    participantEffectiveTiming participantStatus participantType participatingOrganization party patchFormat
    path patient patientCharacteristics patientInstruction patientPreparation pattern patternAddress
    patternAge patternAnnotation patternAttachment patternBase64Binary patternBoolean patternCanonical
    patternCode patternCodeableConcept patternCoding patternContactDetail patternContactPoint
    patternContributor patternCount patternDataRequirement patternDate patternDateTime patternDecimal
    patternDistance patternDosage patternDuration patternExpression patternHumanName patternId
    patternIdentifier patternInstant patternInteger patternMarkdown patternMeta patternMoney patternOid
    patternParameterDefinition patternPeriod patternPositiveInt patternQuantity patternRange patternRatio
    patternReference patternRelatedArtifact patternSampledData patternSignature patternString patternTime
    patternTiming patternTriggerDefinition patternUnsignedInt patternUri patternUrl patternUsageContext
    patternUuid pause payee payeeType payload payloadMimeType payloadType payment paymentAmount paymentDate
    paymentIdentifier paymentIssuer paymentStatus paymentTerms payor performed performedAge
    performedDateTime performedPeriod performedRange performedString performer performerLinkId performerRole
    performerType performingOrganization period periodMax periodType periodUnit permittedDataType phase
    photo physicalCharacteristics physicalType plan planningHorizon pointer points policy policyHolder
    policyRule population position postConditions postalCode power practiceSetting practitioner
    preAdmissionIdentifier preAuthPeriod preAuthRef preAuthRefPeriod preConditions precedence
    precheckBehavior precision predecessor prediction preference preferred preferredReportName prefix
    preparation preparationInstruction prescriber prescription presentationDate presentedForm previous
    priceComponent priceOverride primaryPurposeType primarySource principalInvestigator priorPrescription
    priorRequest priority prism probability probabilityDecimal probabilityRange problem procedure
    procedureCode procedureCodeableConcept procedureReference procedureSequence process processNote
    processing product productCategory productCode productCodeableConcept productName productOrService
    productReference productRelatedness productType profile prognosisCodeableConcept prognosisReference
    program programCode programEligibility progress property propertyGroup protocol protocolApplied
    providedBy provider provision proxyIdentityCertificate proxySignature publicationDate publicationStatus
    publisher purpose purposeOfEvent purposeOfUse pushTypeAvailable qualification qualifiedInterval
    qualifiers qualitativeRisk quality quantitativeDetails quantity quantityQuantity quantityRange
    quantityRatio query queryFP queryTP question questionnaire range rank rate rateAggregation rateQuantity
    rateRange rateRatio rater rating rationale reAdmission reaction readCoverage readHistory readOnly
    readsetId reason reasonCode reasonLinkId reasonReference reasonStopped recall received receivedTime
    receiver receiverActive recipient recommendation recorded recordedDate recordedOn recorder ref reference
    referenceAllele referenceDocument referencePolicy referenceRange referenceSeq referenceSeqId
    referenceSeqPointer referenceSeqString referencedFrom referencedItem referral referralMethod
    referralRequest referrer regulatory regulatoryAuthority rejectionCriterion related relatedAction
    relatedArtifact relatedEntry relatedMedicationKnowledge relatesTo relation relationship relationtype
    relativePath relativeRisk releaseDate relevantHistory reliableCache rendering repeat repeats repetitions
    replaces report reportOrigin reported reportedBoolean reportedReference reporter repository
    representation request requestHeader requestId requestIdentifier requestMethod requestProvider
    requestURL requestedPeriod requester requesterLinkId requestingOrganization requestor required
    requiredBehavior requirement requirements requisition resource resourceId response responseCode
    responseId responseRequired responsible responsibleParty rest restriction result resultingCondition
    resultsInterpreter retentionTime revenue reviewer riskAdjustment roc role route routeofAdministration
    rule rules safety sampleSize scale schedule scheduled scheduledPeriod scheduledString scheduledTiming
    scope score scoring search searchInclude searchParam searchRevInclude searchType section security
    securityContext securityLabel securityLabelNumber selectionBehavior sender sensitivity sent sequence
    serialNumber series seriesDoses seriesDosesPositiveInt seriesDosesString seriousness service
    serviceCategory servicePeriod serviceProvider serviceProvisionCode serviceType serviced servicedDate
    servicedPeriod setup severity sex shape shelfLifeStorage short shortTitle sigFormat signature signer
    site situation size sliceIsConstraining sliceName slicing slot snapshot software sopClass sort source
    sourceAttachment sourceCanonical sourceId sourceIdentityCertificate sourcePatientInfo sourceReference
    sourceSignature sourceUri sourceVersion specialArrangement specialCourtesy specialPrecautionsForStorage
    specialization specialty specificCost specimen specimenQuantity specimenRequirement sphere sponsor stage
    standardSequence start startCodeableConcept startDate started state statistic statisticType status
    statusDate statusHistory statusReason statusReasonCodeableConcept statusReasonReference step storage
    strand stratifier stratum strength structure structureVariant study studyEffective
    studyEffectiveDateTime studyEffectiveDescription studyEffectiveDuration studyEffectiveGroupMeasure
    studyEffectivePeriod studyEffectiveTimeFromStart studyEffectiveTiming studyType subDetail
    subDetailSequence subSite subType subcomponent subdetailSequence subject subjectCodeableConcept
    subjectMedicalHistory subjectReference subjectResults subjectType submitter subpotentReason subrogation
    subscriber subscriberId substance substanceCodeableConcept substanceReference substitution subsumption
    subtitle subtype suffix summary supplement supplementalData supplements suppliedItem supplier
    supportedMessage supportedProfile supportingImmunization supportingInfo supportingInfoSequence
    supportingInformation supportingPatientInformation suspectEntity synonym synthesisType system systemType
    tag target targetCanonical targetDisease targetFormat targetId targetIdentifier targetLocation
    targetProfile targetReference targetUri targetVersion team teardown telecom temperature
    temperatureQualifier temperatureRange template term test testScript tester text textEquivalent
    textFilter texture time timeAspect timeDateTime timeFromStart timeOfDay timePeriod timestamp timing
    timingAge timingDate timingDateTime timingDuration timingPeriod timingRange timingReference timingTiming
    title topic topicCodeableConcept topicReference total totalGross totalNet totalPriceComponent transform
    translation translations trigger truthFN truthTP type typeCollected typeMode typeReference typeTested
    udi udiCarrier udiDeviceIdentifier uid uniqueId unit unitOfMeasure unitPrice unmapped updateCreate
    upperLimit uri url usage usageContext use useContext usePeriod used usedCode usedMoney usedReference
    usedString usedUnsignedInt userSelected vaccineCode validCodedValueSet validTo validateCode
    validateProfileId validated validationDate validationProcess validationStatus validationType validator
    validityPeriod value valueAddress valueAge valueAnnotation valueAttachment valueBase64Binary
    valueBoolean valueCanonical valueCategory valueCode valueCodeableConcept valueCoding valueContactDetail
    valueContactPoint valueContributor valueCount valueDataRequirement valueDate valueDateTime valueDecimal
    valueDistance valueDosage valueDuration valueExpression valueHumanName valueId valueIdentifier
    valueInstant valueInteger valueMarkdown valueMeta valueMoney valueOid valueParameterDefinition
    valuePeriod valuePositiveInt valueQuantity valueRange valueRatio valueReference valueRelatedArtifact
    valueSampledData valueSet valueSignature valueString valueTime valueTiming valueTriggerDefinition
    valueUnsignedInt valueUri valueUrl valueUsageContext valueUuid valuedItem variable variableDefinition
    variableRole variableType variant variantPointer variantType variantsetId verification verificationDate
    verificationStatus verified verifiedWith version versionId versionNeeded versioning view warningOnly
    wasSubstituted weight what when whenHandedOver whenPeriod whenPrepared whenRange who width windowEnd
    windowStart workflow xpath xpathUsage
"""

ELEMENT_NAMES = frozenset(_NAMES.split())
