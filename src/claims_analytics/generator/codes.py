"""Medical facts: codes with their texts, prices and what belongs together.

Codes are those of SNOMED CT, RxNorm, CVX and LOINC; prices (in cents) and how often things happen
are made up. Descriptions hold no comma: Synthea writes CSV without quotes and puts two spaces.
What does not live here: conditions (`illnesses`), and who has what, and when (`histories`).
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """A code and its text."""

    code: str
    text: str


class Kind(NamedTuple):
    """A kind of encounter: its class, department, base cost in cents and length in minutes."""

    code: str
    text: str
    name: str
    department: str
    cents: int
    minutes: int


class Drug(NamedTuple):
    """A drug: price of one fill in cents, fills of a prescription, and how much prices differ."""

    code: str
    text: str
    cents: int
    fills: int
    spread: int = 0


class Procedure(NamedTuple):
    """A procedure: lowest and highest price in cents, and how long it takes in minutes."""

    code: str
    text: str
    low: int
    high: int
    minutes: int


WELL_CHILD = Kind("410620009", "Well child visit (procedure)", "wellness", "10", 12916, 15)
CHECK_UP = Kind(
    "162673000", "General examination of patient (procedure)", "wellness", "20", 12916, 15
)
DEATH = Kind("308646001", "Death Certification", "wellness", "20", 12916, 15)
SYMPTOM = Kind("185345009", "Encounter for symptom", "ambulatory", "1", 7749, 15)
PROBLEM = Kind("185347001", "Encounter for problem", "ambulatory", "1", 7749, 15)
PRENATAL = Kind("424619006", "Prenatal visit", "ambulatory", "1", 12916, 15)
CONTROL = Kind("185349003", "Encounter for check up (procedure)", "outpatient", "2", 7749, 15)
SURGERY = Kind("371883000", "Outpatient procedure", "outpatient", "2", 12916, 45)
EMERGENCY = Kind("50849002", "Emergency room admission (procedure)", "emergency", "4", 12916, 120)
INPATIENT = Kind("183452005", "Encounter Inpatient", "inpatient", "3", 7749, 1440)
URGENT = Kind("702927004", "Urgent care clinic (procedure)", "urgentcare", "5", 12916, 30)
FOLLOW_UPS = (  # one code, three texts, as in the real files
    Kind("390906007", "Follow-up encounter", "ambulatory", "1", 7749, 15),
    Kind("390906007", "Hypertension follow-up encounter", "ambulatory", "1", 7749, 15),
    Kind("390906007", "Follow-up encounter (procedure)", "ambulatory", "1", 7749, 15),
)

LISINOPRIL = Drug("314076", "lisinopril 10 MG Oral Tablet", 2, 12)
THIAZIDE = Drug("310798", "Hydrochlorothiazide 25 MG Oral Tablet", 1, 12)
AMLODIPINE = Drug("308136", "amLODIPine 2.5 MG Oral Tablet", 2, 12)
STATIN = Drug("314231", "Simvastatin 10 MG Oral Tablet", 2, 371)
FLUTICASONE = Drug(
    "895994", "120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler", 3400, 12, 60
)
ALBUTEROL = Drug(
    "2123111",
    "NDA020503 200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler",
    30000,
    12,
    90,
)
IRON = Drug("310325", "ferrous sulfate 325 MG Oral Tablet", 1250, 6, 20)
NAPROXEN = Drug("849574", "Naproxen sodium 220 MG Oral Tablet", 1890, 3, 40)
PARACETAMOL = Drug("313782", "Acetaminophen 325 MG Oral Tablet", 680, 1, 30)
AMOXICILLIN = Drug("308182", "Amoxicillin 250 MG Oral Capsule", 1140, 1, 30)
INJECTION = Drug("1000126", "1 ML medroxyprogesterone acetate 150 MG/ML Injection", 9120, 1, 20)

RECONCILIATION = Procedure("430193006", "Medication Reconciliation (procedure)", 41000, 95000, 15)
ASSESSMENTS = (
    Procedure(
        "710824005", "Assessment of health and social care needs (procedure)", 51665, 51665, 46
    ),
    Procedure("171207006", "Depression screening (procedure)", 51665, 51665, 12),
    Procedure("428211000124100", "Assessment of substance use (procedure)", 51665, 51665, 13),
    Procedure("710841007", "Assessment of anxiety (procedure)", 51665, 51665, 25),
    Procedure("866148006", "Screening for domestic abuse (procedure)", 51665, 51665, 33),
)
CHEST_X_RAY = Procedure("399208008", "Chest X-ray", 250000, 760000, 30)
COLONOSCOPY = Procedure("73761001", "Colonoscopy", 900000, 1450000, 45)
STENT = Procedure("415070008", "Percutaneous coronary intervention", 1700000, 3300000, 60)
ECHO = Procedure("40701008", "Echocardiography (procedure)", 79000, 92000, 30)
APPENDECTOMY = Procedure("80146002", "Appendectomy", 1100000, 1900000, 90)
FUNDUS = Procedure("274804006", "Evaluation of uterine fundal height", 320000, 880000, 15)
HEARTBEAT = Procedure("225158009", "Auscultation of the fetal heart", 310000, 790000, 15)
SPIROMETRY = Procedure("127783003", "Spirometry (procedure)", 26000, 48000, 20)
SUTURE = Procedure("288086009", "Suture open wound", 150000, 320000, 20)

HYPERTENSION_PLAN = Code("443402002", "Lifestyle education regarding hypertension")
DIABETES_PLAN = Code("698360004", "Diabetes self management plan")
ASTHMA_PLAN = Code("699728000", "Asthma self management")
LIPID_PLAN = Code("736285004", "Hyperlipidemia clinical management plan")
COPD_PLAN = Code("412776001", "Chronic obstructive pulmonary disease clinical management plan")
ANTENATAL_CARE = Code("134435003", "Routine antenatal care")
SELF_CARE = Code("384758001", "Self-care interventions (procedure)")

INFARCTION = Code("22298006", "Myocardial Infarction")
FIRST_FINDING = Code("314529007", "Medication review due (finding)")
FINDINGS = (
    Code("160903007", "Full-time employment (finding)"),
    Code("160903007", "Full-time employment (finding)"),
    Code("160904001", "Part-time employment (finding)"),
    Code("73595000", "Stress (finding)"),
    Code("423315002", "Limited social contact (finding)"),
    Code("422650009", "Social isolation (finding)"),
    Code("741062008", "Not in labor force (finding)"),
    Code("73438004", "Unemployed (finding)"),
    Code("105531004", "Housing unsatisfactory (finding)"),
    Code("266948004", "Has a criminal record (finding)"),
)

SHOT_CENTS = 14052
INFLUENZA = Code("140", "Influenza  seasonal  injectable  preservative free")
SHOTS_OF_CHILDREN = (
    Code("08", "Hep B  adolescent or pediatric"),
    Code("62", "HPV  quadrivalent"),
)
SHOTS_OF_ADULTS = (Code("113", "Td (adult) preservative free"), Code("52", "Hep A  adult"))

VITALS = (  # code, text, unit, lowest, highest (in tenths)
    ("8302-2", "Body Height", "cm", 500, 1900),
    ("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}", 0, 50),
    ("29463-7", "Body Weight", "kg", 40, 1100),
    ("39156-5", "Body Mass Index", "kg/m2", 150, 380),
    ("8462-4", "Diastolic Blood Pressure", "mm[Hg]", 650, 1000),
    ("8480-6", "Systolic Blood Pressure", "mm[Hg]", 950, 1700),
    ("8867-4", "Heart rate", "/min", 600, 990),
    ("9279-1", "Respiratory rate", "/min", 120, 170),
)
LABS = (
    ("2339-0", "Glucose", "mg/dL", 650, 1500),
    ("38483-4", "Creatinine", "mg/dL", 6, 30),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 45, 95),
)
_SMOKING = ("Never smoker", "Former smoker", "Smokes tobacco daily")
_INCOME = "What was the combined income of your family in the past year?"
SURVEYS = (  # answers that are texts, though some look like numbers
    ("72166-2", "Tobacco smoking status NHIS", _SMOKING),
    ("93027-1", "Are you a refugee?", ("No", "Yes")),
    ("63586-2", _INCOME, ("47384", "91020", "18250")),
)

ALLERGIES = (
    "84489001,SNOMED-CT,Mold (organism),allergy,environment,76067001,Sneezing,MILD,,,",
    "260147004,SNOMED-CT,House dust mite (organism),allergy,environment,,,,,,",
    "256277009,SNOMED-CT,Grass pollen (substance),allergy,environment,,,,,,",
    "735029006,SNOMED-CT,Shellfish (substance),allergy,food,402387002,"
    "Allergic angioedema (disorder),MODERATE,247472004,Wheal (finding),MILD",
    "102263004,SNOMED-CT,Eggs (edible) (substance),allergy,food,247472004,"
    "Wheal (finding),MODERATE,,,",
    "1191,RxNorm,Aspirin,allergy,medication,21522001,Abdominal pain (finding),MODERATE,,,",
)
SUPPLIES = (
    ("409534002", "Disposable air-purifying respirator (physical object)", 2),
    (
        "713779008",
        "Nitrile examination/treatment glove  non-powdered  sterile (physical object)",
        24,
    ),
    ("419343004", "Alcohol disinfectant (substance)", 1),
)
STENT_DEVICE = Code("705643001", "Coronary artery stent (physical object)")
