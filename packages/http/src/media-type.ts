/** What a `Content-Type` says beside the type (RFC 9110 section 8.3): its parameters, and how text is read by them. */

/** Reads text in UTF-8. Not for text that comes in pieces: it is everybody's. */
export const utf8: TextDecoderLike = new TextDecoder();

/** As much of a `TextDecoder` as is needed. */
interface TextDecoderLike {
  decode(bytes: Uint8Array): string;
}

/** What reads text in this charset, in UTF-8 where none is named; undefined for one that is not known. */
export function decoderOf(charset: string | undefined): TextDecoderLike | undefined {
  if (charset === undefined) return utf8;
  try {
    return new TextDecoder(charset);
  } catch {
    return undefined; // it throws for labels that it does not know, and for nothing else
  }
}

/** A parameter of a media type: `charset` of `text/plain; charset=utf-8`. */
export function parameterOf(type: string | undefined, name: string): string | undefined {
  if (type === undefined) return undefined;
  const parts = type.split(";");
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i] as string;
    const at = part.indexOf("=");
    if (at < 0 || part.slice(0, at).trim().toLowerCase() !== name) continue;
    const value = part.slice(at + 1).trim();
    return value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
  }
  return undefined;
}
