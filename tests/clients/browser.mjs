// What a browser has and older versions of Node have not.
import { EventSource } from "eventsource";
import { WebSocket } from "ws";

globalThis.EventSource ??= EventSource;
globalThis.WebSocket ??= WebSocket;
