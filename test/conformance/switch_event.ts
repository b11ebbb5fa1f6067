// A program with a typed switch over the types of notifications. It is compiled and not run.
import type {
  BatchFilesUploadedFrame, BatchPhaseConcludedFrame, BatchResultsReadyFrame, PipelineDeniedInsufficientCreditsFrame,
  PositionFrame, ReplayIncompleteFrame, ResyncFrame, StreamCloseEvent,
} from "./models";

type Frame =
  | BatchFilesUploadedFrame | BatchPhaseConcludedFrame | BatchResultsReadyFrame | PipelineDeniedInsufficientCreditsFrame
  | PositionFrame | ReplayIncompleteFrame | ResyncFrame;

export function describe(frame: Frame): string {
  switch (frame.event) {
    case "batch_files_uploaded": {
      const count: number | undefined = frame.data.file_count;
      return `${count} files in ${frame.data.batch_id}, stored at ${frame.id}`;
    }
    case "batch_phase_concluded":
      return `${frame.data.phase}: ${frame.data.status}`;
    case "batch_results_ready":
      return `${frame.data.batch_id}: ${frame.data.overall_status}`;
    case "pipeline_denied_insufficient_credits":
      return `${frame.data.required_credits} of ${frame.data.available_credits}`;
    case "position":
      return frame.data.last_event_id;
    case "replay_incomplete":
      return frame.data.oldest_available ?? "empty";
    case "resync":
      return frame.data.since;
    default: {
      const rest: never = frame;
      return rest;
    }
  }
}

export function reconnects(end: StreamCloseEvent): boolean {
  switch (end.code) {
    case 1008: case 1011: case 1012: case 4001: case 4002:
      return true;
    case 4003:
      return false;
    default: {
      const rest: never = end.code;
      return rest;
    }
  }
}

// @ts-expect-error a type that does not exist is refused
export const unknown: Frame["event"] = "no_such_type";
