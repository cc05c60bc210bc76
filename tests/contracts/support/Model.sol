// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {Role} from "../../../contracts/interfaces/IDepartmentRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @notice The registries' rules of authority once more, in the simplest form: flags of now and
/// walks up the tree. It knows nothing of slots, packing or histories.
abstract contract Model is Fixture {
    bytes20[] internal _codes;
    address[] internal _accounts;
    bytes32[2] internal _kindPool = [KIND, OTHER_KIND];
    bytes32[2] internal _keyPool = [KEY, keccak256("another key's thumbprint")];

    mapping(bytes20 => bool) public known;
    mapping(bytes20 => bytes20) public parentOf;
    mapping(bytes20 => bool) public suspended;
    mapping(bytes20 => bytes20) public suspenderOf;
    mapping(bytes20 => bool) public dissolved;
    mapping(bytes20 => mapping(Role => mapping(address => bool))) public holds;
    mapping(bytes20 => mapping(bytes32 => bool)) public mayIssue;
    mapping(bytes20 => mapping(bytes32 => bool)) public keyInForce;
    mapping(bytes20 => mapping(bytes32 => uint64)) public keyCompromised;

    function codeCount() external view returns (uint256) {
        return _codes.length;
    }

    function codeAt(uint256 i) external view returns (bytes20) {
        return _codes[i];
    }

    function accountCount() external view returns (uint256) {
        return _accounts.length;
    }

    function accountAt(uint256 i) external view returns (address) {
        return _accounts[i];
    }

    function keyAt(uint256 i) external view returns (bytes32) {
        return _keyPool[i];
    }

    function kindAt(uint256 i) external view returns (bytes32) {
        return _kindPool[i];
    }

    function inForce(bytes20 code) public view returns (bool) {
        for (bytes20 at_ = code; at_ != 0; at_ = parentOf[at_]) {
            if (suspended[at_]) return false;
        }
        return known[code];
    }

    function isAbove(bytes20 actor, bytes20 code) public view returns (bool) {
        for (bytes20 at_ = parentOf[code]; at_ != 0; at_ = parentOf[at_]) {
            if (at_ == actor) return true;
        }
        return false;
    }

    function mayHold(bytes20 code, Role role, address account) public view returns (bool) {
        return holds[code][role][account] && inForce(code);
    }

    /// @dev The council where the actor is none; else a holder of the role at the actor, for itself
    /// or for what lies below.
    function _mayAct(bytes20 actor, bytes20 code, Role role, address account)
        internal
        view
        returns (bool)
    {
        if (actor == NONE) return account == council;
        return mayHold(actor, role, account) && (actor == code || isAbove(actor, code));
    }

    function _mayActAbove(bytes20 actor, bytes20 code, address account)
        internal
        view
        returns (bool)
    {
        return actor != code && _mayAct(actor, code, Role.Admin, account);
    }

    function _mayLift(bytes20 actor, bytes20 code, address account) internal view returns (bool) {
        if (dissolved[code]) return false;
        bytes20 suspender = suspenderOf[code];
        if (actor == NONE) return account == council;
        if (suspender == NONE || !mayHold(actor, Role.Admin, account)) return false;
        return actor == suspender || isAbove(actor, suspender);
    }

    /// @dev The actor stands above the department, and above or at the new parent; it might lift
    /// every suspension in between.
    function _mayMove(bytes20 actor, bytes20 code, bytes20 to, address account)
        internal
        view
        returns (bool)
    {
        if (dissolved[code] || !_mayActAbove(actor, code, account)) return false;
        if (to == code || isAbove(code, to)) return false;
        if (actor == NONE) return to == NONE || known[to];
        if (to != actor && !isAbove(actor, to)) return false;
        for (bytes20 at_ = parentOf[code]; at_ != actor; at_ = parentOf[at_]) {
            bytes20 suspender = suspenderOf[at_];
            if (suspended[at_] && suspender != actor && !isAbove(actor, suspender)) return false;
        }
        return true;
    }

    function _allAboveMayIssue(bytes20 code, bytes32 kind) internal view returns (bool) {
        for (bytes20 at_ = parentOf[code]; at_ != 0; at_ = parentOf[at_]) {
            if (!mayIssue[at_][kind]) return false;
        }
        return true;
    }
}
