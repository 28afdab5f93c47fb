"""Conditions that people have: chronic ones, and illnesses that make them come.

Shares, ages and weights are made up; several of the conditions are those that the gold layer maps
to chronic categories. What does not live here: who has what, and when (`histories`).
"""

from __future__ import annotations

from typing import NamedTuple

from claims_analytics.generator.codes import (
    ALBUTEROL,
    AMLODIPINE,
    AMOXICILLIN,
    ANTENATAL_CARE,
    APPENDECTOMY,
    ASTHMA_PLAN,
    CHEST_X_RAY,
    COLONOSCOPY,
    COPD_PLAN,
    DIABETES_PLAN,
    ECHO,
    EMERGENCY,
    FLUTICASONE,
    FUNDUS,
    HEARTBEAT,
    HYPERTENSION_PLAN,
    INJECTION,
    INPATIENT,
    IRON,
    LIPID_PLAN,
    LISINOPRIL,
    NAPROXEN,
    PARACETAMOL,
    PRENATAL,
    PROBLEM,
    SELF_CARE,
    SPIROMETRY,
    STATIN,
    SURGERY,
    SUTURE,
    SYMPTOM,
    THIAZIDE,
    URGENT,
    Code,
    Drug,
    Kind,
    Procedure,
)


class Chronic(NamedTuple):
    """A chronic condition: share of people, age of onset, drugs and care plan."""

    code: str
    text: str
    share: float
    onset: int
    drugs: tuple[Drug, ...] = ()
    plan: Code | None = None


class Acute(NamedTuple):
    """A reason to come: where, how often and how long, for whom, and what is done about it."""

    code: str
    text: str
    kinds: tuple[Kind, ...]
    weight: int
    days: int
    drugs: tuple[Drug, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    ages: tuple[int, int] = (0, 120)
    sex: str = ""
    plan: Code | None = None


CHRONIC = (
    Chronic(
        "59621000",
        "Hypertension",
        0.30,
        38,
        (LISINOPRIL, THIAZIDE, AMLODIPINE),
        plan=HYPERTENSION_PLAN,
    ),
    Chronic("55822004", "Hyperlipidemia", 0.22, 45, (STATIN,), plan=LIPID_PLAN),
    Chronic("15777000", "Prediabetes", 0.25, 40, plan=DIABETES_PLAN),
    Chronic("271737000", "Anemia (disorder)", 0.08, 25, (IRON,)),
    Chronic("162864005", "Body mass index 30+ - obesity (finding)", 0.25, 22),
    Chronic("53741008", "Coronary Heart Disease", 0.08, 55),
    Chronic("233678006", "Childhood asthma", 0.07, 5, (FLUTICASONE, ALBUTEROL), plan=ASTHMA_PLAN),
    Chronic(
        "185086009",
        "Chronic obstructive bronchitis (disorder)",
        0.05,
        58,
        (FLUTICASONE,),
        plan=COPD_PLAN,
    ),
    Chronic("278860009", "Chronic low back pain (finding)", 0.07, 35, (NAPROXEN,)),
    Chronic("82423001", "Chronic pain", 0.05, 40),
    Chronic("124171000119105", "Chronic intractable migraine without aura", 0.04, 20),
    Chronic("239872002", "Osteoarthritis of hip", 0.06, 60, (NAPROXEN,)),
    Chronic("40055000", "Chronic sinusitis (disorder)", 0.12, 15),
    Chronic(
        "232353008", "Perennial allergic rhinitis with seasonal variation", 0.06, 6, plan=SELF_CARE
    ),
)

_OFFICE = (SYMPTOM, PROBLEM)
ACUTE = (
    Acute("444814009", "Viral sinusitis (disorder)", _OFFICE, 22, 14),
    Acute("195662009", "Acute viral pharyngitis (disorder)", _OFFICE, 14, 10, drugs=(PARACETAMOL,)),
    Acute(
        "10509002",
        "Acute bronchitis (disorder)",
        _OFFICE,
        14,
        14,
        drugs=(PARACETAMOL,),
        procedures=(CHEST_X_RAY,),
    ),
    Acute("75498004", "Acute bacterial sinusitis (disorder)", _OFFICE, 5, 14, drugs=(AMOXICILLIN,)),
    Acute("840539006", "COVID-19", (SYMPTOM, URGENT), 6, 21),
    Acute("36971009", "Sinusitis (disorder)", _OFFICE, 6, 21),
    Acute(
        "44465007", "Sprain of ankle", (URGENT, EMERGENCY), 5, 28, drugs=(NAPROXEN,), ages=(5, 80)
    ),
    Acute(
        "62106007",
        "Concussion with no loss of consciousness",
        (EMERGENCY,),
        2,
        30,
        procedures=(SUTURE,),
        ages=(4, 120),
    ),
    Acute(
        "33737001",
        "Fracture of rib",
        (EMERGENCY,),
        2,
        60,
        drugs=(NAPROXEN,),
        procedures=(CHEST_X_RAY,),
        ages=(15, 120),
    ),
    Acute(
        "74400008", "Appendicitis", (INPATIENT,), 2, 14, procedures=(APPENDECTOMY,), ages=(6, 60)
    ),
    Acute(
        "706870000",
        "Acute pulmonary embolism (disorder)",
        (INPATIENT,),
        2,
        30,
        procedures=(ECHO,),
        ages=(40, 120),
    ),
    Acute("55680006", "Drug overdose", (EMERGENCY,), 1, 7, ages=(16, 70)),
    Acute("196416002", "Impacted molars", (SURGERY,), 3, 14, drugs=(PARACETAMOL,), ages=(16, 40)),
    Acute(
        "68496003", "Polyp of colon", (SURGERY,), 5, 90, procedures=(COLONOSCOPY,), ages=(50, 120)
    ),
    Acute(
        "72892002",
        "Normal pregnancy",
        (PRENATAL,),
        16,
        240,
        procedures=(FUNDUS, HEARTBEAT),
        ages=(18, 44),
        sex="F",
        plan=ANTENATAL_CARE,
    ),
    Acute(
        "19169002",
        "Miscarriage in first trimester",
        (SURGERY,),
        1,
        14,
        drugs=(INJECTION,),
        ages=(18, 44),
        sex="F",
    ),
    Acute(
        "389087006",
        "Hypoxemia (disorder)",
        (INPATIENT,),
        1,
        30,
        procedures=(SPIROMETRY,),
        ages=(30, 120),
    ),
)
