def pssp_color(by="ss3", selection="all", *, _self=cmd):
    """
    Colours chains by a predicted property: ss3, ss8, acc, dis, tm2, tm8 (by state), rsa or p_dis (by value).

    A chain is coloured if its residues are those of a prediction.
    """
    import difflib

    letters = {
        "ALA": "A", "ARG": "R", "ASN": "N", "ASP": "D", "CYS": "C", "GLN": "Q", "GLU": "E", "GLY": "G",
        "HIS": "H", "ILE": "I", "LEU": "L", "LYS": "K", "MET": "M", "PHE": "F", "PRO": "P", "SER": "S",
        "THR": "T", "TRP": "W", "TYR": "Y", "VAL": "V",
        "MSE": "M", "SEP": "S", "TPO": "T", "PTR": "Y", "CSO": "C", "HYP": "P", "MLY": "K", "PCA": "E",
    }
    if by not in PSSP_COLOURS and by not in PSSP_RAMPS:
        print("pssp: there is no property %r; choose one of %s" % (by, ", ".join([*PSSP_COLOURS, *PSSP_RAMPS])))
        return

    def color(prediction, i):
        if by in PSSP_COLOURS:
            return PSSP_COLOURS[by][prediction[by][i]]
        value, end = prediction[by][i], PSSP_RAMPS[by]
        channels = ((end >> shift) & 255 for shift in (16, 8, 0))
        return sum(round(255 + (channel - 255) * value) << shift for channel, shift in zip(channels, (16, 8, 0)))

    atoms = []
    _self.iterate(
        "(%s) and name CA and elem C" % selection,
        "atoms.append((model, chain, resi, resv, resn))",
        space={"atoms": atoms},
    )
    # The residues of each chain in the order of the file: number with insertion code, number, name.
    chains = {}
    for model, chain, resi, resv, resn in atoms:
        chains.setdefault((model, chain), {}).setdefault(resi, (resv, resn))

    def indices(prediction, residues):
        """Which residue of the sequence each residue of the chain is, and how many letters agree."""
        sequence = prediction["sequence"]
        observed = "".join(letters.get(resn, "X") for _, resn in residues.values())
        if prediction["first"] is not None:
            found = [resv - prediction["first"] for resv, _ in residues.values()]
            # The same number with an insertion code is another residue.
            plain = [resi.lstrip("-").isdigit() for resi in residues]
            found = [i if ok and 0 <= i < len(sequence) else None for i, ok in zip(found, plain)]
        else:
            found = [None] * len(observed)
            blocks = difflib.SequenceMatcher(None, sequence, observed, autojunk=False).get_matching_blocks()
            a = b = 0
            for start_a, start_b, size in blocks:
                # Between two stretches that agree, as many other residues are replaced ones.
                if start_a - a == start_b - b and b > 0 and size > 0:
                    start_a, start_b, size = a, b, size + start_a - a
                for k in range(size):
                    found[start_b + k] = start_a + k
                a, b = start_a + size, start_b + size
        same = sum(i is not None and sequence[i] == letter for i, letter in zip(found, observed))
        return found, same

    colors = {}
    for (model, chain), residues in chains.items():
        fits = []
        for prediction in PSSP_CHAINS:
            if prediction["chain"] in (None, chain):
                found, same = indices(prediction, residues)
                # A chain may have a tag, and a sequence residues that are not seen.
                share = same / min(len(residues), len(prediction["sequence"]))
                fits.append((share, same, found, prediction))
        if not fits:
            continue
        share, same, found, prediction = max(fits, key=lambda fit: fit[:2])
        where = "chain %s of %s" % (chain or "(blank)", model)
        # Below this share they are two proteins.
        if share < 0.8:
            print("pssp: %s is not coloured: only %d of its %d residues are those of %s"
                  % (where, same, len(residues), prediction["name"]))
            continue
        for resi, i in zip(residues, found):
            if i is not None:
                # With this bit PyMOL takes a number for red, green and blue.
                colors[model, chain, resi] = 0x40000000 | color(prediction, i)
        count = sum(i is not None for i in found)
        print("pssp: %s: %d of %d residues coloured by %s of %s, %d with the same letter"
              % (where, count, len(residues), by, prediction["name"], same))
    if not colors:
        print("pssp: nothing is coloured; open the structure first, or tell the chain and the number of its first "
              "residue when you ask for this script")
        return
    _self.alter(
        selection,
        "color = colors.get((model, chain, resi), color)",
        space={"colors": colors},
    )
    _self.recolor(selection)


cmd.extend("pssp_color", pssp_color)
