/**
 * What is said to TLS, and what it tells: settings of either side, and what the two have agreed on.
 */

/** Certificates or keys in PEM: one text, or several. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[];

/** Who somebody is: a certificate, with those that lead to its authority, and its key. */
export interface Credentials {
  /** The certificate, and behind it those in between, in PEM. */
  readonly cert?: Pem | undefined;
  /** The private key of the certificate, in PEM. */
  readonly key?: Pem | undefined;
  /** Of a key that is encrypted. */
  readonly passphrase?: string | undefined;
}

/** A version of TLS. Older ones are broken, and Node does not speak them. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** What both sides can be told. */
export interface TlsSettings extends Credentials {
  /** The authorities that are trusted, in PEM: these and no others. Without it, those that Node knows. */
  readonly ca?: Pem | undefined;
  /** The protocols that are offered, or that are spoken, the best one first: `["h2", "http/1.1"]`. */
  readonly alpn?: readonly string[] | undefined;
  /** Default `TLSv1.2`. */
  readonly minVersion?: TlsVersion | undefined;
  readonly maxVersion?: TlsVersion | undefined;
  /** As OpenSSL writes them. */
  readonly ciphers?: string | undefined;
  /**
   * What it is when the connection ends and TLS has not said that it would (a `close_notify`): `error`, since anybody on the
   * way can cut a connection, or `end`, for peers that are known for it and that say in other words when they are done
   * (HTTP with a length). Servers on `node:tls` do so when they end at once after their first write. Default `error`.
   */
  readonly truncation?: "error" | "end" | undefined;
}

/** What a client can be told. */
export interface ClientSettings extends TlsSettings {
  /** The name (or IP address) that the server's certificate has to be for, and that the server is told (SNI). */
  readonly servername?: string | undefined;
  /** False: talk to anybody, whatever the certificate. `tls.authorized` then says what was found. Default true. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** A session of an earlier connection to the same server, from `onSession` or `tls.session`. */
  readonly session?: Uint8Array | undefined;
  /** Told of each session that can be resumed later. With TLS 1.3 they come after the handshake, when the stream is read. */
  readonly onSession?: ((session: Uint8Array) => void) | undefined;
}

/** What a server can be told. */
export interface ServerSettings extends TlsSettings {
  /**
   * Certificates by the name that the client asks for (SNI): a table (`"*.example.org"` fits one label), or a function that
   * gives `undefined` for a name it does not know. Names that are not found get the certificate at the top; where there is
   * none, the connection is refused.
   */
  readonly names?: Readonly<Record<string, Credentials>> | ((name: string) => Credentials | undefined) | undefined;
  /** Whether clients have to show a certificate of an authority in `ca`. Default `none`. */
  readonly clientCertificate?: "none" | "ask" | "require" | undefined;
  /** 48 secret bytes, so that sessions can be resumed by another process that has the same ones. */
  readonly ticketKeys?: Uint8Array | undefined;
}

/** The certificate of a peer. */
export interface PeerCertificate {
  /** As OpenSSL writes it: `CN=example.org`. */
  readonly subject: string;
  readonly issuer: string;
  /** What it is for, as OpenSSL writes it: `DNS:example.org, IP Address:127.0.0.1`. Empty where it says nothing. */
  readonly names: string;
  readonly serialNumber: string;
  /** SHA-256, in hexadecimal, with colons. */
  readonly fingerprint: string;
  readonly validFrom: Date;
  readonly validTo: Date;
  /** In DER. */
  readonly raw: Uint8Array;
}

/** What a client and a server have agreed on. */
export interface TlsInfo {
  readonly role: "client" | "server";
  /** `TLSv1.3`, `TLSv1.2`. */
  readonly protocol: string;
  /** As OpenSSL writes it: `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** The protocol that both speak; undefined where none was agreed on. */
  readonly alpn: string | undefined;
  /** The name that the client has asked for. */
  readonly servername: string | undefined;
  /** Whether an earlier session was resumed. */
  readonly resumed: boolean;
  /** Whether the peer has shown a certificate that is good for it. */
  readonly authorized: boolean;
  /** Why not, where one was looked at. */
  readonly authorizationError: Error | undefined;
  /** Of the peer; undefined where it has shown none. */
  readonly peerCertificate: PeerCertificate | undefined;
  /** The last session that can be resumed; undefined on a server, and until one has come. */
  readonly session: Uint8Array | undefined;
}
