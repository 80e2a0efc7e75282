/** A program that only imports Interlock, to measure its start. */
import "../../mod.ts";
