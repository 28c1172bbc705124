/** Where there are no sockets (a browser) there is no network, and whoever asks for one is told so. */
import type { Network } from "./network.ts";
import type { TlsService } from "./tls-service.ts";

export const defaultNetwork: Network | undefined = undefined;
export const defaultTls: TlsService | undefined = undefined;
