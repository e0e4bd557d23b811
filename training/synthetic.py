"""A small data folder of random proteins, for the self-checks: every file that training reads, and planted
relations between training and held-out chains that `data.load` must find."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np

import alphabets as ab
import homologs

LENGTH = 60


class Folder:
    """Writes the files; `leaked` are sequences that must not be trained on, `stripped` those that
    must not be trained on for their structure."""

    def __init__(self, path: Path, seed: int = 1):
        self.path, self.rng = path, np.random.default_rng(seed)
        self.leaked: set[str] = set()
        self.stripped: set[str] = set()
        self.write_structures()
        self.write_membrane()
        self.write_disorder()
        self.write_tables()

    def protein(self, length: int = LENGTH) -> str:
        return "".join(self.rng.choice(list(ab.AMINO_ACIDS), length))

    def labels(self, alphabet: str, length: int = LENGTH) -> str:
        return "".join(self.rng.choice(list(alphabet), length))

    def relative(self, sequence: str) -> str:
        """The same but for every twelfth residue."""
        return "".join("A" if i % 12 == 0 else c for i, c in enumerate(sequence))

    def table(self, name: str, columns: str, rows: list[tuple]) -> None:
        with gzip.open(self.path / f"{name}.tsv.gz", "wt", newline="") as file:
            writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n")
            writer.writerow(columns.split())
            writer.writerows(rows)

    def write_structures(self) -> None:
        resolved = "0" * 6 + "1" * (LENGTH - 6)
        old = [(f"c{i}", ("train", "train", "val", "test")[i % 4], self.protein(), self.labels("HEC"), resolved) for i in range(40)]
        held = [row[2] for row in old if row[1] != "train"]
        near = self.relative(held[0])
        old.append(("near", "train", near, self.labels("HEC"), resolved))
        overlap = next(row for row in old if row[1] == "train")
        self.leaked |= {near, overlap[2]}
        self.table("ss3_disorder", "id part sequence ss3 resolved", old)
        areas = lambda: ",".join(map(str, self.rng.integers(0, 200, LENGTH)))  # noqa: E731
        new = [(i, "x", i, self.protein(), self.labels("HGEBTSC"), areas()) for i in range(60)]
        self.table("ss8_acc", "n sources cluster30 sequence ss8 acc_A2", new)
        self.table("test_overlap", "file key tests best_e best_identity", [("ss3_disorder", overlap[0], "CB513", "1e-9", "40")])
        # Cluster 1 is held out for validation (`check.FIRST_TWELVE`), cluster 4 is not.
        cath = [(f"d{i}", self.protein(), self.labels("HHHGEBTSC"), "", 0, "", "4") for i in range(20)]
        cath[0] = ("of-val", self.relative(held[1]), *cath[0][2:])
        cath[1] = (*cath[1][:6], "4,1")
        cath[2] = (*cath[2][:5], "10,30", "")
        self.leaked |= {cath[0][1], cath[1][1]}
        self.stripped.add(cath[3][1])
        self.table("ss8_cath_s40", "id sequence ss8 acc_A2 in_have breaks clusters30", cath)
        lines = f"{homologs.key(cath[3][1])}\tss/val,tm/1\n"
        (self.path / "homologs.tsv.gz").write_bytes(gzip.compress(lines.encode()))
        self.table("test_ts115", "id sequence ss3 ss8 resolved", [("t", self.protein(), self.labels("HEC"), self.labels("HEC"), resolved)])

    def write_membrane(self) -> None:
        helix = "1" * 20 + "H" * 20 + "2" * 20
        strands = ("1" * 6 + "B" * 8) * 4 + "2" * 4
        signal = "S" * 15 + "1" * 45
        rows = [(f"m{i}", f"{i % 5:02}", self.protein(), (helix, strands, signal, "1" * LENGTH)[i // 5 % 4]) for i in range(60)]
        self.table("tm_tmbed", "id cv_split sequence label", rows)
        sides = "1" * 20 + "H" * 20 + "L" * 5 + "2" * 15
        pdbtm = [(f"p{i}", self.protein(), sides, "".join("01"[c == "H"] for c in sides)) for i in range(30)]
        self.table("tm_pdbtm", "id sequence pdbtm9 tm2", pdbtm)
        self.table("tm_negative", "id sequence", [(f"n{i}", self.protein()) for i in range(60)])

    def write_disorder(self) -> None:
        caid = [(f"D{i}", self.protein(), "1" * 20 + "-" * 10 + "0" * 30) for i in range(40)]
        self.families = []
        scores = ",".join(["2.5"] * 20 + [""] * 10 + ["12"] * 30)
        nmr = [(f"N{i}", "train", "", self.protein(), scores) for i in range(20)]
        for i in range(20):  # every chain of CAID1 here has a relative by NMR
            nmr.append((f"R{i}", "train", "", self.relative(caid[i][1]), scores))
            self.families.append((caid[i][1], nmr[-1][3]))
        self.table("disorder_caid1", "id sequence label", caid)
        self.table("disorder_nmr", "id part near_test sequence zscores", nmr)

    def write_tables(self) -> None:
        areas = "".join(f"{aa}\t200\n" for aa in ab.AMINO_ACIDS)
        (self.path / "max_asa_tien2013_theoretical.tsv").write_text("# source\n" + areas)
        rows = [f"{a} " + " ".join("4" if a == b else "-1" for b in ab.AMINO_ACIDS) for a in ab.AMINO_ACIDS]
        (self.path / "BLOSUM62.txt").write_text("\n".join([" ".join(ab.AMINO_ACIDS), *rows]) + "\n")
