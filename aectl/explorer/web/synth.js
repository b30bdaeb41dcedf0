// @ts-check
// Sounds by WebAudio alone: oscillators for notes, noise for drums.

const ATTACK = 0.006, RELEASE = 0.08; // seconds
const SILENCE = 1e-4; // where exponential ramps end
const BASSES = 32; // the first program of the basses of General MIDI

/** @typedef {{from: number, to: number, seconds: number, level: number}} Tone Hz, falling */
/** @typedef {{filter: BiquadFilterType, frequency: number, seconds: number, level: number}} Noise */
/** Kick, snare, closed and open hi-hat, three toms, crash and ride. @type {{tone?: Tone, noise?: Noise}[]} */
const DRUMS = [
  { tone: { from: 150, to: 45, seconds: 0.28, level: 0.9 } },
  { tone: { from: 220, to: 160, seconds: 0.1, level: 0.3 }, noise: { filter: "bandpass", frequency: 1800, seconds: 0.18, level: 0.5 } },
  { noise: { filter: "highpass", frequency: 7000, seconds: 0.05, level: 0.25 } },
  { noise: { filter: "highpass", frequency: 7000, seconds: 0.3, level: 0.22 } },
  { tone: { from: 130, to: 80, seconds: 0.25, level: 0.6 } },
  { tone: { from: 180, to: 110, seconds: 0.25, level: 0.6 } },
  { tone: { from: 240, to: 150, seconds: 0.25, level: 0.6 } },
  { noise: { filter: "highpass", frequency: 4000, seconds: 0.9, level: 0.3 } },
  { noise: { filter: "highpass", frequency: 6000, seconds: 0.5, level: 0.16 } },
];

/** Sounds as they are made: when they start and how long they last, in seconds.
 * @typedef {{time: number, duration: number, frequency: number, drum: number | null, program: number}} Sound */

export class Synth {
  /** @param {BaseAudioContext} context */
  constructor(context) {
    this.context = context;
    this.volume = context.createGain();
    const limiter = context.createDynamicsCompressor();
    this.volume.connect(limiter).connect(context.destination);
    this.noise = context.createBuffer(1, context.sampleRate, context.sampleRate);
    const samples = this.noise.getChannelData(0);
    for (let index = 0; index < samples.length; index++) samples[index] = 2 * Math.random() - 1;
  }

  /** @param {Sound} sound @param {number} at the time of the context */
  sound({ duration, frequency, drum, program }, at) {
    if (drum !== null) this.strike(DRUMS[drum], at);
    else if (program >= BASSES) this.tone("sawtooth", frequency, at, duration, 0.2, 6 * frequency);
    else {
      this.tone("triangle", frequency, at, duration, 0.3, 8 * frequency);
      this.tone("sine", 2 * frequency, at, Math.min(duration, 0.3), 0.07, 8 * frequency);
    }
  }

  /** A note that fades while it is held. @param {OscillatorType} type @param {number} frequency @param {number} at
   * @param {number} duration @param {number} level @param {number} cutoff of the low pass, Hz */
  tone(type, frequency, at, duration, level, cutoff) {
    const oscillator = this.context.createOscillator(), filter = this.context.createBiquadFilter(), end = at + duration;
    oscillator.type = type;
    oscillator.frequency.value = frequency;
    filter.frequency.value = Math.min(cutoff, this.context.sampleRate / 2);
    const gain = this.context.createGain(), loud = gain.gain;
    loud.setValueAtTime(0, at);
    loud.linearRampToValueAtTime(level, at + ATTACK);
    loud.setTargetAtTime(0.4 * level, at + ATTACK, 0.4);
    loud.setTargetAtTime(0, Math.max(at + ATTACK, end - RELEASE / 2), RELEASE / 4);
    oscillator.connect(filter).connect(gain).connect(this.volume);
    this.run(oscillator, at, end + RELEASE);
  }

  /** @param {{tone?: Tone, noise?: Noise}} drum @param {number} at */
  strike({ tone, noise }, at) {
    if (tone) {
      const oscillator = this.context.createOscillator();
      oscillator.frequency.setValueAtTime(tone.from, at);
      oscillator.frequency.exponentialRampToValueAtTime(tone.to, at + tone.seconds);
      oscillator.connect(this.fade(at, tone)).connect(this.volume);
      this.run(oscillator, at, at + tone.seconds);
    }
    if (noise) {
      const source = this.context.createBufferSource(), filter = this.context.createBiquadFilter();
      source.buffer = this.noise;
      filter.type = noise.filter;
      filter.frequency.value = noise.frequency;
      source.connect(filter).connect(this.fade(at, noise)).connect(this.volume);
      this.run(source, at, at + noise.seconds);
    }
  }

  /** @param {number} at @param {{seconds: number, level: number}} drum */
  fade(at, { seconds, level }) {
    const gain = this.context.createGain();
    gain.gain.setValueAtTime(level, at);
    gain.gain.exponentialRampToValueAtTime(SILENCE, at + seconds);
    return gain;
  }

  /** @param {AudioScheduledSourceNode} source @param {number} at @param {number} end */
  run(source, at, end) {
    source.start(at);
    source.stop(end);
  }
}
