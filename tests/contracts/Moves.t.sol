// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {ICouncilDelayed} from "../../contracts/interfaces/ICouncilDelayed.sol";
import {
    IDepartmentRegistry,
    ParentEntry,
    Role
} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice Moves and mergers.
contract MovesTest is Fixture {
    function test_theCommonAncestorMoves() public {
        uint256 admitted = block.number - 1;
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.Moved(COUNTY, CITY, OTHER_CITY, PROVINCE);
        vm.prank(provinceAdmin);
        departments.move(PROVINCE, COUNTY, OTHER_CITY);
        vm.assertEq(departments.departmentOf(COUNTY).parent, OTHER_CITY, "parent");
        ParentEntry[] memory parents = departments.parentHistory(COUNTY);
        vm.assertEq(parents.length, 2, "parents");
        vm.assertEq(parents[0].parent, CITY, "old parent");
        vm.assertEq(parents[0].from, admitted, "old since");
        vm.assertEq(parents[1].parent, OTHER_CITY, "new parent");
        vm.assertEq(parents[1].from, block.number, "new since");
        vm.assertFalse(departments.actsFor(CITY, COUNTY, Role.Admin, cityAdmin), "old parent acts");
        vm.assertTrue(
            departments.actsFor(OTHER_CITY, COUNTY, Role.Admin, otherCityAdmin), "new parent acts"
        );
    }

    function test_oneBranchDoesNotTakeFromAnother() public {
        vm.startPrank(cityAdmin);
        _refuseNotAbove(CITY, OTHER_CITY);
        departments.move(CITY, COUNTY, OTHER_CITY);
        _refuseNotAbove(CITY, CITY);
        departments.move(CITY, CITY, OTHER_CITY);
        vm.stopPrank();
        _refuseNotAbove(OTHER_CITY, COUNTY);
        vm.prank(otherCityAdmin);
        departments.move(OTHER_CITY, COUNTY, OTHER_CITY);
    }

    function test_onlyTheCouncilMovesBetweenTopsAndToTheTop() public {
        vm.startPrank(provinceAdmin);
        _refuseNotAbove(PROVINCE, OTHER);
        departments.move(PROVINCE, CITY, OTHER);
        _refuseNotAbove(PROVINCE, NONE);
        departments.move(PROVINCE, CITY, NONE);
        vm.stopPrank();
        vm.startPrank(council);
        departments.move(NONE, CITY, OTHER);
        vm.assertEq(departments.departmentOf(CITY).parent, OTHER, "moved between tops");
        departments.move(NONE, CITY, NONE);
        vm.assertEq(departments.departmentOf(CITY).parent, NONE, "moved to the top");
        vm.stopPrank();
    }

    function testFuzz_nobodyElseMovesOrMerges(address caller) public {
        vm.assume(caller != provinceAdmin && caller != council);
        vm.startPrank(caller);
        _refuseUnauthorised(PROVINCE, Role.Admin, caller);
        departments.move(PROVINCE, COUNTY, OTHER_CITY);
        _refuseUnauthorised(PROVINCE, Role.Admin, caller);
        departments.merge(PROVINCE, CITY, OTHER_CITY);
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.NotCouncil.selector, caller));
        departments.move(NONE, COUNTY, OTHER_CITY);
        vm.stopPrank();
    }

    function test_noCycles() public {
        vm.startPrank(council);
        _refuseCycle(CITY, COUNTY);
        departments.move(NONE, CITY, COUNTY);
        _refuseCycle(PROVINCE, COUNTY);
        departments.move(NONE, PROVINCE, COUNTY);
        _refuseCycle(CITY, CITY);
        departments.move(NONE, CITY, CITY);
        _refuseCycle(CITY, COUNTY);
        departments.merge(NONE, CITY, COUNTY);
        vm.stopPrank();
    }

    function test_strangersAndIdleMovesAreRefused() public {
        vm.startPrank(provinceAdmin);
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, STRANGER);
        departments.move(PROVINCE, COUNTY, STRANGER);
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, STRANGER);
        departments.move(PROVINCE, STRANGER, CITY);
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, STRANGER);
        departments.move(PROVINCE, STRANGER, NONE);
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.SameParent.selector, COUNTY, CITY)
        );
        departments.move(PROVINCE, COUNTY, CITY);
        _refuse(IDepartmentRegistry.ZeroDepartment.selector);
        departments.merge(PROVINCE, CITY, NONE);
        vm.stopPrank();
    }

    function test_noMoveEscapesAHigherSuspension() public {
        vm.prank(council);
        departments.suspend(NONE, CITY);
        _refuseOf(IDepartmentRegistry.Suspended.selector, CITY);
        vm.prank(provinceAdmin);
        departments.move(PROVINCE, COUNTY, OTHER_CITY);
        _refuseOf(IDepartmentRegistry.Suspended.selector, CITY);
        vm.prank(provinceAdmin);
        departments.merge(PROVINCE, COUNTY, OTHER_CITY);
        vm.prank(council);
        departments.move(NONE, COUNTY, OTHER_CITY);
    }

    function test_whoMightLiftMayMoveOut() public {
        vm.startPrank(provinceAdmin);
        departments.suspend(PROVINCE, CITY);
        departments.move(PROVINCE, COUNTY, OTHER_CITY);
        vm.stopPrank();
        vm.assertTrue(departments.authorised(COUNTY, Role.Admin, countyAdmin), "out of it");
    }

    function test_aSuspensionMovesAlong() public {
        vm.startPrank(provinceAdmin);
        departments.suspend(PROVINCE, COUNTY);
        departments.move(PROVINCE, COUNTY, OTHER_CITY);
        vm.stopPrank();
        vm.assertFalse(departments.authorised(COUNTY, Role.Admin, countyAdmin), "still suspended");
    }

    function test_movingKeepsTheDepthWithinBounds() public {
        bytes20 parent = OTHER;
        for (uint160 level = 2; level <= 14; ++level) {
            _admit(otherAdmin, parent, bytes20(level), otherAdmin);
            parent = bytes20(level);
        }
        vm.startPrank(council);
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.TooDeep.selector, PROVINCE, 17, 16)
        );
        departments.move(NONE, PROVINCE, parent);
        departments.move(NONE, CITY, parent);
        vm.stopPrank();
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.TooDeep.selector, STRANGER, 17, 16)
        );
        vm.prank(countyAdmin);
        departments.admit(COUNTY, STRANGER, SORT, "", _kinds(KIND), outsider);
    }

    function test_aMergerDissolvesForGood() public {
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.Moved(CITY, PROVINCE, OTHER_CITY, PROVINCE);
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.DepartmentSuspended(CITY, OTHER_CITY);
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.Merged(CITY, OTHER_CITY, PROVINCE);
        _merge();
        vm.assertEq(departments.departmentOf(CITY).mergedInto, OTHER_CITY, "merged into");
        _assertInterval(departments.suspensionHistory(CITY)[0], block.number, 0);
        vm.assertFalse(departments.authorised(CITY, Role.Anchor, anchorer), "authorised");
        vm.startPrank(council);
        _refuseOf(IDepartmentRegistry.Dissolved.selector, CITY);
        departments.lift(NONE, CITY);
        _refuseOf(IDepartmentRegistry.Dissolved.selector, CITY);
        departments.suspend(NONE, CITY);
        _refuseOf(IDepartmentRegistry.Dissolved.selector, CITY);
        departments.move(NONE, CITY, PROVINCE);
        _refuseOf(IDepartmentRegistry.Dissolved.selector, CITY);
        departments.merge(NONE, CITY, PROVINCE);
        _refuseOf(IDepartmentRegistry.Dissolved.selector, CITY);
        departments.merge(NONE, OTHER, CITY);
        _refuseOf(IDepartmentRegistry.Dissolved.selector, CITY);
        departments.grantRole(NONE, CITY, Role.Anchor, outsider);
        _refuseOf(IDepartmentRegistry.Dissolved.selector, CITY);
        departments.grantKind(NONE, CITY, OTHER_KIND);
        vm.stopPrank();
    }

    function test_theSuccessorRevokesForIt() public {
        _merge();
        vm.prank(otherCityAdmin);
        departments.grantRole(OTHER_CITY, OTHER_CITY, Role.Status, outsider);
        vm.prank(outsider);
        status.setStatus(OTHER_CITY, CITY, 3, _indices(5), 1);
        vm.assertEq(status.statusOf(CITY, 3, 5), 1, "revoked");
    }

    function test_whatWasBelowIsMovedOn() public {
        _merge();
        vm.assertFalse(departments.authorised(COUNTY, Role.Admin, countyAdmin), "while below");
        vm.prank(provinceAdmin);
        departments.move(PROVINCE, COUNTY, PROVINCE);
        vm.assertTrue(departments.authorised(COUNTY, Role.Admin, countyAdmin), "moved on");
    }

    function test_bySuccessorToo() public {
        _merge();
        vm.prank(otherCityAdmin);
        departments.move(OTHER_CITY, COUNTY, OTHER_CITY);
        vm.assertTrue(departments.authorised(COUNTY, Role.Admin, countyAdmin), "moved on");
    }

    function test_aMergerKeepsTheSuspenderOfTheSuspended() public {
        vm.prank(council);
        departments.suspend(NONE, CITY);
        _merge();
        vm.assertEq(departments.departmentOf(CITY).suspender, NONE, "still the council's");
        vm.assertEq(departments.suspensionHistory(CITY).length, 1, "one suspension");
        _refuseOf(IDepartmentRegistry.Suspended.selector, CITY);
        vm.prank(provinceAdmin);
        departments.move(PROVINCE, COUNTY, OTHER_CITY);
    }

    function test_aDepartmentMergesIntoItsParent() public {
        vm.prank(provinceAdmin);
        departments.merge(PROVINCE, COUNTY, CITY);
        vm.assertEq(departments.parentHistory(COUNTY).length, 1, "did not move");
        vm.assertEq(departments.departmentOf(COUNTY).mergedInto, CITY, "merged into");
    }

    function _merge() private {
        vm.prank(provinceAdmin);
        departments.merge(PROVINCE, CITY, OTHER_CITY);
    }

    function _refuseCycle(bytes20 department, bytes20 newParent) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDepartmentRegistry.WouldCycle.selector, department, newParent)
        );
    }
}
