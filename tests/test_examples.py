"""The examples run as printed, and so does the README."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
SMALL = {
    "plot_quickstart.py": ["--rows", "72", "--epochs", "8", "--n-jobs", "1"],
    "plot_cross_validation.py": ["--rows", "48", "--epochs", "4", "--n-jobs", "1"],
    "plot_custom_encoder.py": ["--rows", "60", "--epochs", "6"],
    "plot_augmentation.py": [],
    "plot_audio_tagging.py": ["--rows", "60", "--epochs", "1", "--members", "2", "--n-jobs", "1"],
    "plot_fusions.py": ["--rows", "72", "--epochs", "1", "--n-jobs", "1", "--fusions", "early", "concat", "late"],
    "plot_missing_modalities.py": ["--rows", "84", "--epochs", "1", "--n-jobs", "1"],
    "plot_imbalance.py": ["--rows", "132", "--epochs", "2", "--n-jobs", "1"],
    "plot_few_photos.py": ["--rows", "72", "--size", "32", "--epochs", "2", "--n-jobs", "1"],
    "plot_transfer.py": ["--rows", "24", "--size", "32", "--epochs", "2", "--repeats", "1", "--n-jobs", "1"],
}


def run(arguments, folder):
    """Run Python elsewhere than in the checkout, with warnings as errors; give what it printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def scores_of(printed):
    return [float(number) for number in re.findall(r"(?<![\d.])[01]\.\d{3}(?!\d)", printed)]


def check_pictures(folder, names):
    for name in names:
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 300, name
            darkest, lightest = picture.convert("L").getextrema()
            assert darkest < 100 < 200 < lightest, f"{name} is blank"


def test_every_example_is_run_here():
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == set(SMALL)


def test_quickstart(tmp_path):
    printed = run([ROOT / "examples" / "plot_quickstart.py", *SMALL["plot_quickstart.py"]], tmp_path)
    names = ["accuracy_by_missing.png", "confusion_matrix.png", "loss_curve.png", "rows.png"]
    assert sorted(path.name for path in (tmp_path / "demo").glob("*.png")) == names  # the default folder
    check_pictures(tmp_path / "demo", names)
    for name in names:
        assert str(Path("demo") / name) in printed
    for line in [
        "all modalities, fused",
        *(f"{name} alone, same network" for name in ("image", "sound", "text", "table")),
        "classical, one model a modality",
        "classical, logistic regression",
        "classical, random forest",
    ]:
        found = re.search(rf"{line} +([01]\.\d{{3}}) \+- (0\.\d{{3}}) +(\d+) rows", printed)
        assert found, line
        assert 0.0 < float(found[1]) <= 1.0
    counts = [int(n) for n in re.findall(r"^\d missing .* (\d+) rows$", printed, flags=re.MULTILINE)]
    assert sum(counts) == 72
    assert len(counts) == 3


def test_cross_validation(tmp_path):
    options = SMALL["plot_cross_validation.py"]
    printed = run([ROOT / "examples" / "plot_cross_validation.py", tmp_path / "out", *options], tmp_path)
    check_pictures(tmp_path / "out", ["learning_curve.png"])
    settings = re.findall(r"^ *(concat|mean) +(0\.[03]) +([01]\.\d+) +0\.\d+$", printed, flags=re.MULTILINE)
    assert len(settings) == len({setting[:2] for setting in settings}) == 4
    means = [float(setting[2]) for setting in settings]
    assert means == sorted(means, reverse=True)
    assert re.search(r"on 12 rows held out: [01]\.\d{3}", printed)
    assert re.search(r"rows of training: \{6: [01]\.\d+, 12: [01]\.\d+, 24: [01]\.\d+\}", printed)


def test_augmentation(tmp_path):
    data = ROOT.parent / "shared" / "data" / "trimodal"
    options = ["--data", data] if data.exists() else []
    run([ROOT / "examples" / "plot_augmentation.py", tmp_path / "out", *options], tmp_path)
    names = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert len(names) >= 2
    check_pictures(tmp_path / "out", names)


def check_fusions(printed, folder):
    check_pictures(folder, ["fusions.png"])
    names = ["LateFusionClassifier, linear", "LateFusionClassifier, networks", "concat", "early", "late"]
    lines = re.findall(r"^(\S.*?) +([01]\.\d{3}) \+- 0\.\d{3}((?: +[01]\.\d{3}){3}) +([+-][01]\.\d{3})", printed, re.M)
    assert sorted(line[0] for line in lines) == [*names, "one table, linear"]
    means = {name: float(mean) for name, mean, _, _ in lines}
    assert list(means.values()) == sorted(means.values(), reverse=True)
    for name, mean, parts, ahead in lines:
        assert min(map(float, parts.split())) <= float(mean) <= max(map(float, parts.split())), name
        assert abs(float(ahead) - (means[name] - means["concat"])) < 2e-3, name
    counts = [int(n) for n in re.findall(r"(\d+) lack [012]", printed)]
    assert f"{sum(counts)} rows of" in printed


def test_fusions(tmp_path):
    printed = run([ROOT / "examples" / "plot_fusions.py", tmp_path, *SMALL["plot_fusions.py"]], tmp_path)
    check_fusions(printed, tmp_path)


def test_fusions_of_real_rows(tmp_path):
    data = ROOT.parent / "shared" / "data"
    if not (data / "trimodal").exists():
        pytest.skip("no real rows here")
    options = [*SMALL["plot_fusions.py"], "--data", data]
    check_fusions(run([ROOT / "examples" / "plot_fusions.py", tmp_path, *options], tmp_path), tmp_path)


def test_missing_modalities(tmp_path):
    options = SMALL["plot_missing_modalities.py"]
    printed = run([ROOT / "examples" / "plot_missing_modalities.py", tmp_path, *options], tmp_path)
    check_pictures(tmp_path, ["missing_confusion.png", "missing_loss.png"])
    for name in ("fused network", "classical"):
        assert re.search(rf"^{name} +[01]\.\d{{3}} \+- 0\.\d{{3}}( +[01]\.\d{{3}}){{3}}$", printed, re.MULTILINE), name
    assert re.search(r"accuracy +[01]\.\d{3} +84$", printed, re.MULTILINE)
    assert "Epochs trained in each fold: 1 1 1" in printed


def check_imbalance(printed, folder):
    check_pictures(folder, ["imbalance.png"])
    scores = r" +((?:[01]\.\d{3} \+- 0\.\d{3} *){3})$"
    lines = re.findall(rf"^(random forest|fused network), (.+?){scores}", printed, re.MULTILINE)
    samplings = ["as they are", "repeated", "SMOTE"]
    inside, before = lines[:6], lines[6:]
    assert [line[:2] for line in inside] == [(m, s) for m in ("random forest", "fused network") for s in samplings]
    assert [line[:2] for line in before] == [(m, s) for m in ("random forest", "fused network") for s in samplings[1:]]
    areas = [{line[:2]: float(line[2].split()[0]) for line in part} for part in (inside, before)]
    flattery = re.findall(r"^(random forest|fused network), (\S+) +([+-]\d\.\d{3})$", printed, re.MULTILINE)
    assert len(flattery) == 4
    for model, sampling, more in flattery:
        assert abs(areas[1][model, sampling] - areas[0][model, sampling] - float(more)) < 2e-3
    forest = "random forest", "repeated"
    assert areas[1][forest] > 0.97 > areas[0][forest], "copies on both sides of the split give a forest away"


def test_imbalance(tmp_path):
    printed = run([ROOT / "examples" / "plot_imbalance.py", tmp_path, *SMALL["plot_imbalance.py"]], tmp_path)
    assert "132 rows, 12 of them ill" in printed
    check_imbalance(printed, tmp_path)


def test_custom_encoder(tmp_path):
    printed = run([ROOT / "examples" / "plot_custom_encoder.py", tmp_path, *SMALL["plot_custom_encoder.py"]], tmp_path)
    check_pictures(tmp_path, ["embedding.png"])
    assert len(scores_of(printed)) == 4
    assert re.findall(r"^ *(\d+) filters: [01]\.\d{3} in 3 folds$", printed, flags=re.MULTILINE) == ["2", "32"]


def check_tagging(printed, folder):
    check_pictures(folder, ["tagged_clips.png", "tagging_scores.png"])
    found = re.findall(r"^(\S.*?) +([01]\.\d{3}) \+- 0\.\d{3} +([01]\.\d{3}) \+- 0\.\d{3}$", printed, re.MULTILINE)
    kinds = [f"{kind}, {n}" for kind in ("wave", "mfcc") for n in ("one network", "2 networks")]
    assert [name for name, _, _ in found] == ["random forest on MFCC", *kinds, "wave and mfcc"]
    precision = {name: float(score) for name, score, _ in found}
    for name, _, accuracy in found:
        assert float(accuracy) <= precision[name] <= 1.0, "a first place counts 1, later ones add to it"
    assert precision["random forest on MFCC"] > 0.3, "ten tags: chance is 0.18"
    gain = float(re.search(r"together: ([+-]\d\.\d{3}) MAP@3", printed)[1])
    better = max(precision["wave, 2 networks"], precision["mfcc, 2 networks"])
    assert abs(gain - (precision["wave and mfcc"] - better)) < 2e-3


def test_audio_tagging(tmp_path):
    printed = run([ROOT / "examples" / "plot_audio_tagging.py", tmp_path, *SMALL["plot_audio_tagging.py"]], tmp_path)
    assert "60 clips with 10 tags, 3 folds" in printed
    check_tagging(printed, tmp_path)


def test_audio_tagging_of_real_sounds(tmp_path):
    data = ROOT.parent / "shared" / "data"
    if not (data / "fsdd").exists():
        pytest.skip("no real sounds here")
    options = [*SMALL["plot_audio_tagging.py"], "--rows", "100", "--data", data, "--set", "fsdd"]
    printed = run([ROOT / "examples" / "plot_audio_tagging.py", tmp_path, *options], tmp_path)
    assert "100 clips with 10 tags, 4 folds" in printed
    check_tagging(printed, tmp_path)


def check_transfer(printed, folder):
    check_pictures(folder, ["transfer_pictures.png", "transfer_scores.png"])
    lines = re.findall(r"^(\S.*?) +([01]\.\d{3}) \+- 0\.\d{3} +\d+\.\d{2} s$", printed, re.MULTILINE)
    ways = ["as it is", "frozen", "last stage", "fine-tuned", "from scratch"]
    names = [f"{picture}, {way}" for picture in ("waveform", "spectrogram") for way in ways]
    assert [name for name, _ in lines] == ["SVM on MFCC", *names]
    return dict(lines)


def test_transfer(tmp_path):
    command = [ROOT / "examples" / "plot_transfer.py", tmp_path, *SMALL["plot_transfer.py"]]
    printed = run(command, tmp_path)
    assert "24 clips of rain and sea in 4 folds, 48 of other sounds" in printed
    assert printed.count("Trained on") == 2
    scores = check_transfer(printed, tmp_path)
    given = run([*command, "--weights", tmp_path / "waveform-0.safetensors"], tmp_path)
    assert "Trained on" not in given
    again = check_transfer(given, tmp_path)
    assert all(again[name] == score for name, score in scores.items() if "scratch" in name or "waveform" in name)


def test_transfer_of_real_sounds(tmp_path):
    data = ROOT.parent / "shared" / "data"
    if not (data / "esc10").exists():
        pytest.skip("no real sounds here")
    options = [*SMALL["plot_transfer.py"], "--data", data]
    printed = run([ROOT / "examples" / "plot_transfer.py", tmp_path, *options], tmp_path)
    assert "24 clips of rain and sea in 4 folds, 96 of other sounds" in printed
    check_transfer(printed, tmp_path)


def check_few_photos(printed, folder):
    check_pictures(folder, ["few_photos_scores.png", "few_photos_wrong.png"])
    scores = r"([01]\.\d{3}) \+- 0\.\d{3} *"
    lines = re.findall(rf"^(\S.*?) {{2,}}{3 * scores}$", printed, re.MULTILINE)
    networks = ["from scratch", "balanced", "balanced, augmented", "transfer, frozen", "transfer, fine-tuned"]
    assert [name for name, *_ in lines] == ["linear on edges, balanced", *networks]
    assert all(0.0 <= float(rare) <= 2 * float(macro) for _, _, macro, rare in lines), "about half of the classes"
    counts = [int(n) for n in re.findall(r": (\d+)", printed.split("learns from")[1].splitlines()[0])]
    n_photos, n_wrong = (int(re.search(rf"^(\d+) photos {word}", printed, re.MULTILINE)[1]) for word in ("of", "taken"))
    accuracy = {name: float(mean) for name, mean, *_ in lines}
    assert n_wrong == round(n_photos * (1 - accuracy["balanced, augmented"])), "folds are of one size"
    return counts, accuracy


def test_few_photos(tmp_path):
    printed = run([ROOT / "examples" / "plot_few_photos.py", tmp_path, *SMALL["plot_few_photos.py"]], tmp_path)
    counts, _ = check_few_photos(printed, tmp_path)
    assert counts == [6, 9] * 3


def test_few_photos_of_real_things(tmp_path):
    data = ROOT.parent / "shared" / "data"
    if not (data / "trimodal").exists():
        pytest.skip("no real photos here")
    options = [*SMALL["plot_few_photos.py"], "--rows", "112", "--data", data]
    printed = run([ROOT / "examples" / "plot_few_photos.py", tmp_path, *options], tmp_path)
    counts, accuracy = check_few_photos(printed, tmp_path)
    assert counts == [6, 12] * 3 + [6]
    assert accuracy["linear on edges, balanced"] > 0.3, "seven classes: chance is 0.14"


def readme_blocks():
    return re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def test_the_readme_has_a_short_example():
    assert len(readme_blocks()) >= 1
    assert len(readme_blocks()[0].splitlines()) < 20


def test_python_blocks_of_the_readme_run_as_printed_one_after_the_other(tmp_path):
    printed = []
    for block in readme_blocks():
        *statements, last = block.rstrip().splitlines()
        printed += [*statements, f"print({last})"]
    scores = run(["-c", "\n".join(printed)], tmp_path).split()
    assert len(scores) == len(readme_blocks())
    for score in scores:
        assert float(score) > 0.4, "four classes: chance is 0.25"


def test_links_and_names_of_the_readme_exist():
    import mmsk

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert len(links) >= 5
    for link in links:
        assert (ROOT / link).exists(), link
    table = text.split("## What is in it")[1].split("\n\n")[1]
    names = re.findall(r"`([A-Z]\w+)", re.sub(r"\| [^|]*\|$", "", table, flags=re.MULTILINE))
    assert len(names) >= 14
    for name in names:
        assert hasattr(mmsk, name), name
    for target in re.findall(r"^make (\w+)$", text, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
