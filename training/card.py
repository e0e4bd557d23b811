"""Writes `MODEL_CARD.md` from what was measured: `python card.py --model ../model`.

Every number in the card comes from `scores.json`, the schedules and the training logs; a new
training makes a new card without anybody editing it.
"""

from __future__ import annotations

import argparse
import json
import string
from pathlib import Path

import data
import decode
import weights

TEMPLATE = Path(__file__).parent / "card_template.md"
#: Versions whose test sets were seen earlier than that, and how.
SEEN_BEFORE = {
    "0.2.0": ", save for the scores of version 0.1.0 and of a candidate (the student and teacher 0 of `training/EXPERIMENTS.md`: Q3 73.9 and\n"
    "72.3 %) that was set aside because it takes half as long again"
}


def percent(value: list[float]) -> str:
    """`71.2 (70.1–72.3)` from fractions."""
    middle, low, high = (100 * v for v in value)
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"


def number(value: list[float]) -> str:
    """`.712 (.701–.723)`."""
    show = lambda v: f"{v:.3f}".replace("0.", ".", 1)  # noqa: E731
    return f"{show(value[0])} ({show(value[1])}–{show(value[2])})"


def structure_rows(scores: dict) -> str:
    names = {
        "ts115": "TS115",
        "new_pisces": "new_pisces",
        "held_out_clusters": "held-out 30 % clusters of `ss8_acc`",
        "validation": "validation part of `ss3_disorder` (temperature fitted here)",
    }
    lines = []
    for key, name in names.items():
        s = scores[key]
        q8 = percent(s["q8"]) if "q8" in s else "–"
        ece = f"{100 * s['ss3_ece']:.1f}" if "ss3_ece" in s else "–"
        lines.append(f"| {name} | {s['chains']} | {percent(s['q3'])} | {q8} | {percent(s['sov'])} | {ece} |")
    return "\n".join(lines)


def disorder_rows(scores: dict) -> str:
    table = [
        ("new_pisces, unresolved residues", scores["new_pisces"]["disorder"]),
        ("TS115, unresolved residues", scores["ts115"]["disorder"]),
        ("validation, unresolved residues (threshold fitted here)", scores["validation"]["disorder"]),
        ("CAID1, DisProt annotation, held-out half", scores["caid1_test"]),
        ("NMR, CheZOD below 8, held-out part", scores["nmr_test"]),
    ]
    return "\n".join(
        f"| {name} | {s['chains']} | {100 * s['disordered_share']:.1f} | {number(s['auc'])} | {number(s['mcc'])} | {number(s['f1'])} |"
        for name, s in table
    )


def membrane_rows(scores: dict) -> str:
    cross = scores["cross_validation"]
    table = [
        ("cross-validation: PDBTM (helical)", cross["pdbtm"]),
        ("cross-validation: TMbed, helical", cross["tmbed_helical"]),
        ("cross-validation: TMbed, beta barrels", cross["tmbed_barrels"]),
        ("these networks, validation fold, helical (rules fitted here)", scores["validation_helical"]),
        ("these networks, validation fold, beta barrels (rules fitted here)", scores["validation_barrels"]),
    ]
    return "\n".join(
        f"| {name} | {s['chains']} | {number(s['mcc'])} | {percent(s['every_segment_found'])} | {percent(s['exactly_right'])} |"
        for name, s in table
    )


def counts_rows(report: dict) -> str:
    return "\n".join(
        f"| `{name}` | {parts['train']} | {report['dropped'][name]} | {parts['val']} | {parts['test']} |"
        for name, parts in report["chains"].items()
    )


def disorder_thresholds(table: dict[str, float]) -> str:
    """MCC on validation chains at some thresholds."""
    shown = [f"{mcc:.3f} at {int(t) / 1000:.1f}".replace("0.", ".", 1) for t, mcc in table.items() if int(t) % 100 == 0]
    return "MCC on validation chains " + ", ".join(shown)


def barrels_text(score: dict) -> str:
    """What to expect for beta barrels."""
    found, chains, mcc = score["every_segment_found"][0], score["chains"], score["mcc"][0]
    if mcc < 0.1:
        return (
            f"- **Beta barrels are not recognised**: next to no membrane strand was found in {chains} held-out barrels, "
            "so TM8 `E` hardly\n  occurs. Their strands do show in SS3 and SS8. There were few to learn from."
        )
    return (
        f"- Beta barrels are hardly recognised (residue MCC {mcc:.2f}, every strand found in {100 * found:.0f} % of {chains} held-out\n"
        "  barrels): there were few to learn from."
    )


def lengths(table: str) -> tuple[int, int]:
    """Least and greatest length that a table of `decode.Rules` allows."""
    least, costs = decode.lengths_of(table)
    return least, least + len(costs) - 1


def networks_rows(metadata: dict[str, str], parameters: list[int]) -> str:
    """One line a network: what it was trained as, its shape and size."""
    told = zip(*(metadata[key].split(";") for key in ("trained_as", "width", "kernel", "dilations")), parameters, strict=True)
    lines = []
    for name, width, kernel, dilations, count in told:
        steps = [int(d) for d in dilations.split(",")]
        reach = int(kernel) // 2 * sum(steps)
        lines.append(f"| {name} | {len(steps)} | {width} | {kernel} | {', '.join(map(str, steps))} | {reach} | {count:,} |")
    return "\n".join(lines)


def training_rows(model: Path, metadata: dict[str, str]) -> str:
    """One line a network: how long it was trained, and what was taken of it."""
    lines = []
    for n, (name, step) in enumerate(zip(metadata["trained_as"].split(";"), metadata["step"].split(";"), strict=True)):
        done = json.loads((model / f"schedule-{n}.json").read_text())
        config = log_of(model, n)["config"]
        minutes, left_out = round(done["seconds"] / 60), f"0{config['leave_out']}"
        lines.append(f"| {name} | {int(step):,} of {done['steps']:,} | {done['epochs']} | {minutes} | {left_out} |")
    return "\n".join(lines)


def log_of(model: Path, n: int) -> dict:
    """The event with which the training of network `n` began."""
    log = [json.loads(line) for line in (model / f"train-{n}.log").read_text().splitlines()]
    return next(line for line in log if line["event"] == "start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=Path(__file__).parent.parent / "model")
    parser.add_argument("--hardware", default="a core of an AMD EPYC (Zen 4, AVX-512 with bfloat16) each, no GPU, shared with other work")
    args = parser.parse_args()
    scores = json.loads((args.model / "scores.json").read_text())
    start = log_of(args.model, 0)
    cross = scores["cross_validation"]
    models, metadata = weights.read(args.model / "pssp-net.safetensors")
    parameters = [sum(p.numel() for p in model.parameters()) for model in models]
    config, report, labelled = start["config"], scores["data"], scores["data"]["train"]["labelled_residues"]
    acc = scores["held_out_clusters"]["accessibility"]
    text = string.Template(TEMPLATE.read_text()).substitute(
        name=metadata["name"],
        version=metadata["version"],
        networks=networks_rows(metadata, parameters),
        reach=max(config["kernel"] // 2 * sum(map(int, d.split(","))) for d in metadata["dilations"].split(";")),
        parameters=f"{sum(parameters):,}",
        size=f"{(args.model / 'pssp-net.safetensors').stat().st_size / 1e6:.1f}",
        torch=start["torch"],
        training=training_rows(args.model, metadata),
        hardware=args.hardware,
        train_chains=f"{report['train']['chains']:,}",
        train_residues=f"{report['train']['residues']:,}",
        negatives=f"{report['train']['negatives']:,}",
        negative_share=round(100 * config["tm_negative_share"]),
        labelled=", ".join(f"{key} {count:,}" for key, count in labelled.items()),
        counts=counts_rows(report),
        structure=structure_rows(scores),
        acc_chains=acc["chains"],
        acc_q3=percent(acc["q3"]),
        acc_r=number(acc["r"]),
        disorder=disorder_rows(scores),
        dis_ece=f"{100 * scores['validation']['dis_ece']:.1f}",
        membrane=membrane_rows(scores),
        soluble_chains=cross["soluble"]["chains"],
        soluble=percent(cross["soluble"]["with_segment"]),
        signal_chains=cross["signal_peptides"]["chains"],
        signal=percent(cross["signal_peptides"]["with_segment"]),
        folds=", ".join(f"0{f['fold']}" for f in cross["folds"]),
        validation_fold=f"0{data.VALIDATION_FOLD}",
        temperatures=", ".join(f"{k} {v:.3f}" for k, v in scores["temperatures"].items()),
        dis_threshold=f"{scores['rules']['dis_threshold'] / 1000:.2f}",
        dis_other=disorder_thresholds(scores["dis_mcc_by_threshold"]),
        dry_run=SEEN_BEFORE.get(metadata["version"], ""),
        barrels=barrels_text(cross["tmbed_barrels"]),
        tm_helix="{} to {}".format(*lengths(scores["rules"]["tm_helix"])),
        tm_strand="{} to {}".format(*lengths(scores["rules"]["tm_strand"])),
        tm_enter=f"{scores['rules']['tm_enter'] / 1024:g}",
    )
    (args.model / "MODEL_CARD.md").write_text(text)


if __name__ == "__main__":
    main()
