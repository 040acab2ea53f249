// The microphone: recordings, and how loud it is. What goes wrong is an Error with words for people.
import { t } from "../../common/text.js";

const TYPES = ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg;codecs=opus"];
/** @type {Record<string, string>} */
const REASONS = {
  NotAllowedError: "micRefused",
  SecurityError: "micRefused",
  NotFoundError: "noMicrophone",
  OverconstrainedError: "noMicrophone",
};

export class Microphone {
  /** @param {MediaStream} stream */
  constructor(stream) {
    this.stream = stream;
    this.context = new AudioContext();
    this.context.resume(); // browsers begin it suspended where nobody pressed anything
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 1024;
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
  }

  /** How loud it is now, from 0 to 1: the root mean square. */
  level() {
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    return Math.sqrt(sum / this.samples.length);
  }

  /**
   * → a recording from now on: `stop()` gives its sound, `cancel()` nothing. `ended` is there when it ends, perhaps
   * because the microphone has gone.
   */
  record() {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const recorder = new MediaRecorder(this.stream, mimeType ? { mimeType } : {});
    /** @type {Blob[]} */
    const pieces = [];
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    /** @type {Promise<void>} */
    const ended = new Promise((resolve) => {
      recorder.onstop = () => resolve();
    });
    recorder.start(1000);
    const cancel = () => recorder.state !== "inactive" && recorder.stop();
    return {
      ended,
      cancel,
      /** @returns {Promise<Blob>} */
      stop: async () => {
        cancel();
        await ended;
        return new Blob(pieces, { type: recorder.mimeType });
      },
    };
  }

  /** The browser's sign that it listens goes away. */
  close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
  }
}

/** → the microphone, once the person has allowed it. */
export async function openMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
    throw new Error(t(window.isSecureContext ? "noRecorder" : "micNeedsTls"));
  }
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  try {
    return new Microphone(await navigator.mediaDevices.getUserMedia({ audio }));
  } catch (error) {
    throw new Error(t((error instanceof Error && REASONS[error.name]) || "micBusy"));
  }
}
